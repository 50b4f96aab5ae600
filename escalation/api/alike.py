"""Several alike tickets at once: listed, claimed, and decided with one decision."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.rows import PendingRow, SaidBody, TicketDetail, TicketRow
from escalation.api.views import Deciding, SummaryRow
from escalation.audit import record_seen
from escalation.escrow import (
    BULK_KINDS,
    MOST_TOGETHER,
    BulkLine,
    BulkResult,
    claim_alike,
    list_bulk_ways,
    preview_alike,
    resolve_alike,
)
from escalation.models import Ticket
from escalation.selectors import find_ticket, list_alike, summarise_ticket
from escalation.selectors.pending import summarise_pending
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text, WholeNumber
from orchestration.domain.hold_fields import Scope
from orchestration.domain.holds import WAY_OF
from orchestration.domain.states import ResolutionKind


def _number(**how: Any) -> WholeNumber:
    return WholeNumber(min_value=1, **how)


class AlikeClaimBody(Body):
    """Which tickets to claim."""

    tickets = serializers.ListField(
        child=_number(max_value=2**63 - 1),
        max_length=MOST_TOGETHER,
        min_length=1,
        help_text=f"Their numbers, at most {MOST_TOGETHER}.",
    )


class LineBody(Body):
    """One ticket, bound to a claim and to what was seen."""

    ticket = _number(max_value=2**63 - 1, help_text="Its number.")
    claim_number = _number(max_value=2**31 - 1, help_text="Of your claim.")
    seen_digest = Text(max_length=64, help_text="Of the ticket as you saw it.")


class AlikeResolveBody(SaidBody):
    """One decision for several tickets."""

    lines = LineBody(many=True, help_text=f"At most {MOST_TOGETHER}.")
    resolution = serializers.ChoiceField(
        choices=[k.value for k in BULK_KINDS],
        help_text="; ".join(f"{kind}: {WAY_OF[kind].effect}" for kind in BULK_KINDS),
    )


class BulkRow(serializers.Serializer[Any]):
    """What became of one ticket."""

    ticket = serializers.IntegerField(read_only=True)
    done = serializers.BooleanField(
        read_only=True, help_text="False: it was left out, and `detail` says why."
    )
    code = serializers.CharField(
        read_only=True, help_text="As of an error of a single ticket; empty if done."
    )
    detail = serializers.CharField(read_only=True)
    pending = PendingRow(
        read_only=True, allow_null=True, help_text="What was decided and has not taken effect; null: nothing."
    )


class ClaimedRow(BulkRow):
    """One ticket that was to be claimed."""

    claimed = TicketDetail(read_only=True, allow_null=True, help_text="The ticket with what is judged.")


class TicketAlike(ApiView):
    """Alike tickets."""

    queryset = Ticket.objects.none()
    order: ClassVar[tuple[str, ...]] = ("due_at", "pk")

    @extend_schema(operation_id="list_alike_tickets", responses=TicketRow(many=True))
    def get(self, _request: Request, ticket_id: int) -> Response:
        """List the open tickets of the same workflow, step and rule that you may decide, this one among them."""
        return self.show_page(list_alike(self.caller, find_ticket(self.caller, ticket_id)), SummaryRow)


class BulkWayRow(serializers.Serializer[Any]):
    """One decision for all of them."""

    resolution = serializers.CharField(read_only=True)
    effect = serializers.CharField(read_only=True)
    barred = serializers.ListField(
        child=serializers.DictField(),
        read_only=True,
        help_text="`ticket` and `why`, of those it is barred for.",
    )


class BulkPreviewRow(serializers.Serializer[Any]):
    """What one decision would be about."""

    tickets = BulkRow(many=True, read_only=True, help_text="`done`: it could be claimed now.")
    resolutions = BulkWayRow(many=True, read_only=True)


class TicketAlikePreview(Deciding):
    """Looking before claiming."""

    @extend_schema(operation_id="preview_alike_tickets", request=AlikeClaimBody, responses=BulkPreviewRow)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Say which of several tickets could be decided together with this one, and by what. Claims nothing."""
        body = self.read_body(AlikeClaimBody)
        results = preview_alike(self.find(ticket_id), body["tickets"], self.person, self.caller)
        ways = list_bulk_ways([result.ticket for result in results if result.ticket])
        told = [
            {
                "resolution": one.way.kind,
                "effect": one.way.effect,
                "barred": [{"ticket": number, "why": why} for number, why in one.barred.items()],
            }
            for one in ways
        ]
        return Response({"tickets": [_tell(result) for result in results], "resolutions": told})


class TicketAlikeClaim(Deciding):
    """Claiming alike tickets."""

    pagination_class = None

    @extend_schema(
        operation_id="claim_alike_tickets", request=AlikeClaimBody, responses=ClaimedRow(many=True)
    )
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Claim each of several tickets that is alike to this one; what others hold is left out and said."""
        body = self.read_body(AlikeClaimBody)
        results = claim_alike(self.find(ticket_id), body["tickets"], self.person, self.caller)
        return Response([{**_tell(result), "claimed": self._show(result)} for result in results])

    def _show(self, result: BulkResult) -> dict[str, Any] | None:
        if result.ticket is None:
            return None
        record_seen(result.ticket, self.person)
        return summarise_ticket(result.ticket, self.caller)


class TicketAlikeResolve(Deciding):
    """Deciding alike tickets."""

    pagination_class = None

    @extend_schema(
        operation_id="resolve_alike_tickets", request=AlikeResolveBody, responses=BulkRow(many=True)
    )
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Decide several tickets alike to this one with one decision; a line that changed is refused alone."""
        body = self.read_body(AlikeResolveBody)
        results = resolve_alike(
            self.find(ticket_id),
            [BulkLine(one["ticket"], one["claim_number"], one["seen_digest"]) for one in body["lines"]],
            self.person,
            self.caller,
            ResolutionKind(body["resolution"]),
            feedback=body["feedback"],
            note=body["note"],
            agent=body["agent"],
            reason_code=body["reason_code"],
            scope=Scope(body["scope"]) if body["scope"] else None,
        )
        return Response([_tell(result) for result in results])


def _tell(result: BulkResult) -> dict[str, Any]:
    return {
        "ticket": result.ticket_id,
        "done": result.error is None,
        "code": getattr(result.error, "code", ""),
        "detail": str(result.error or ""),
        "pending": summarise_pending(result.ticket) if result.ticket else None,
    }
