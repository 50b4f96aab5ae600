"""What a reviewer has typed so far: kept as typed, valid or not, for whoever holds the ticket."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.views import Deciding
from escalation.audit import record_seen
from escalation.domain.draft import Draft
from escalation.errors import TicketNotClaimed
from escalation.escrow import save_draft
from escalation.models import Ticket, read_clock
from escalation.selectors.seats import sit
from orchestration.api.base import Body
from orchestration.api.bodies import Text, WholeNumber
from orchestration.api.problems import MEDIA_TYPE
from orchestration.domain.rights import Right

_LONGEST = 20_000
_MOST_FIELDS = 1_000


class DraftBody(Body):
    """The decision form as it stands; empty, it is the proposal again."""

    claim_number = WholeNumber(min_value=1, max_value=2**31 - 1, help_text="Of your claim.")
    typed = serializers.DictField(
        child=Text(max_length=1_048_576, allow_blank=True, trim_whitespace=False),
        required=False,
        default=dict,
        help_text="The fields of the output as typed, by their names in the form of the console.",
    )
    feedback = Text(required=False, allow_blank=True, default="", max_length=_LONGEST, trim_whitespace=False)
    note = Text(required=False, allow_blank=True, default="", max_length=_LONGEST, trim_whitespace=False)


class DraftRow(serializers.Serializer[Any]):
    """What was typed so far."""

    typed = serializers.DictField(child=serializers.CharField(), read_only=True, source="fields")
    feedback = serializers.CharField(read_only=True)
    note = serializers.CharField(read_only=True)
    author = serializers.CharField(read_only=True, help_text="User name of who typed it last; empty: nobody.")


class TicketDraft(Deciding):
    """The draft on a ticket."""

    rights: ClassVar[dict[str, Right]] = {"PUT": Right.REVIEW}

    @extend_schema(
        operation_id="get_ticket_draft",
        responses={
            200: DraftRow,
            (409, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.OBJECT, "You hold it not."),
        },
    )
    def get(self, _request: Request, ticket_id: int) -> Response:
        """Show what was typed on a ticket that you hold, by you or by who held it before. 409: you hold it not."""
        return self._show(sit(self.find(ticket_id), self.person.pk))

    @extend_schema(operation_id="save_ticket_draft", request=DraftBody, responses=DraftRow)
    def put(self, _request: Request, ticket_id: int) -> Response:
        """Keep what you have typed under your claim. 409: somebody claimed the ticket since; nothing was kept."""
        found, body = self.find(ticket_id), self.read_body(DraftBody)
        if len(body["typed"]) > _MOST_FIELDS:
            raise serializers.ValidationError({"typed": f"at most {_MOST_FIELDS} fields"})
        draft = Draft(
            fields=body["typed"],
            feedback=body["feedback"],
            note=body["note"],
            author=self.person.get_username(),
        )
        save_draft(found.pk, self.person, draft, claim_number=body["claim_number"])
        return Response(DraftRow(draft).data)

    def _show(self, ticket: Ticket) -> Response:
        if not ticket.is_claimed_by(self.person.pk, read_clock()):
            raise TicketNotClaimed(ticket.pk)
        # It may hold all that was proposed.
        record_seen(ticket, self.person)
        return Response(DraftRow(Draft.from_json(ticket.draft_json)).data)
