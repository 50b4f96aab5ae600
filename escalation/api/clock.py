"""The clocks of tickets: stopped, let go on, put off until later, planned anew; and what they have told."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.rows import TicketDetail
from escalation.api.views import show_whole
from escalation.domain.desk_rights import DeskRight
from escalation.escrow import pause_ticket, replan_ticket, resume_ticket, snooze_ticket, wake_ticket
from escalation.models import Ticket
from escalation.selectors import find_ticket, summarise_clock
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text, WholeNumber
from orchestration.domain.rights import Right


class PauseBody(Body):
    """Why clocks stand still, and until when."""

    reason = Text(max_length=20_000)
    resume_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Then they go on by themselves."
    )


class SnoozeBody(Body):
    """Until when a ticket is put off, and why."""

    until = serializers.DateTimeField()
    reason = Text(max_length=20_000)
    claim_number = WholeNumber(min_value=1, max_value=2**31 - 1, help_text="Of your claim.")
    reason_code = Text(
        required=False, allow_blank=True, default="", max_length=50, help_text="One of the queue's."
    )


class ClockDetail(serializers.Serializer[Any]):
    """The clocks of a ticket, and all that they told."""

    due_at = serializers.DateTimeField(read_only=True)
    first_touch_due_at = serializers.DateTimeField(read_only=True)
    paused_at = serializers.DateTimeField(read_only=True, allow_null=True)
    snoozed_until = serializers.DateTimeField(read_only=True, allow_null=True)
    snooze_reason = serializers.CharField(read_only=True)
    calendar = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="By which they run, with its version; null: around the clock.",
    )
    pauses = serializers.ListField(child=serializers.DictField(), read_only=True)
    replans = serializers.ListField(child=serializers.DictField(), read_only=True)
    warnings = serializers.ListField(child=serializers.DictField(), read_only=True)
    breaches = serializers.ListField(child=serializers.DictField(), read_only=True)
    alarms = serializers.ListField(child=serializers.DictField(), read_only=True)
    actions = serializers.ListField(child=serializers.DictField(), read_only=True)


class TicketClock(ApiView):
    """What the clocks of a ticket say."""

    @extend_schema(operation_id="get_ticket_clock", responses=ClockDetail)
    def get(self, _request: Request, ticket_id: int) -> Response:
        """Show the clocks of a ticket: what stopped and moved them, and what they told whom."""
        return Response(summarise_clock(find_ticket(self.caller, ticket_id)))


class _AtClock(ApiView):
    rights: ClassVar[dict[str, Right]] = {"POST": Right.REVIEW}
    desk: ClassVar[DeskRight] = DeskRight.LEAD

    def find(self, ticket_id: int) -> Ticket:
        """Return the ticket, for those who may do this."""
        return find_ticket(self.caller, ticket_id, self.desk)

    def show(self, ticket_id: int) -> Response:
        """Return the ticket as it stands now."""
        return show_whole(self, find_ticket(self.caller, ticket_id, self.desk))


class TicketPause(_AtClock):
    """Stopping."""

    @extend_schema(operation_id="pause_ticket", request=PauseBody, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Stop the clocks of a ticket; for leads. 409: they stand still."""
        found, body = self.find(ticket_id), self.read_body(PauseBody)
        pause_ticket(found.pk, self.person, body["reason"], resume_at=body["resume_at"])
        return self.show(ticket_id)


class TicketResume(_AtClock):
    """Going on."""

    @extend_schema(operation_id="resume_ticket", request=None, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Let the clocks of a ticket go on, with what was left; for leads. 409: they run."""
        resume_ticket(self.find(ticket_id).pk, self.person)
        return self.show(ticket_id)


class TicketSnooze(_AtClock):
    """Putting off."""

    desk = DeskRight.DECIDE

    @extend_schema(operation_id="snooze_ticket", request=SnoozeBody, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Put a ticket that you hold off until later; your claim ends. 409: you hold it no more."""
        found, body = self.find(ticket_id), self.read_body(SnoozeBody)
        snooze_ticket(
            found.pk,
            self.person,
            body["until"],
            body["reason"],
            body["claim_number"],
            reason_code=body["reason_code"],
        )
        return self.show(ticket_id)


class TicketWake(_AtClock):
    """Bringing back."""

    desk = DeskRight.DECIDE

    @extend_schema(operation_id="wake_ticket", request=None, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Bring back a ticket before its time. 409: it is not put off."""
        wake_ticket(self.find(ticket_id).pk, self.person)
        return self.show(ticket_id)


class TicketReplan(_AtClock):
    """Planning anew."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}
    desk = DeskRight.MANAGE

    @extend_schema(operation_id="replan_ticket", request=None, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Let a ticket go by its queue's calendar of today; for its admins. 409: it does, or its clocks stand."""
        replan_ticket(self.find(ticket_id).pk, self.person)
        return self.show(ticket_id)
