"""Who has a ticket: assigned by a lead, kept while somebody works."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.rows import TicketDetail
from escalation.api.views import Deciding
from escalation.domain.desk_rights import DeskRight
from escalation.escrow import reassign_ticket, renew_claim
from escalation.selectors import find_decider, find_ticket
from orchestration.api.base import Body
from orchestration.api.bodies import Text, WholeNumber


class AssignBody(Body):
    """Who is to have a ticket."""

    to = Text(max_length=150, help_text="User name of somebody who decides tickets of its queue.")
    note = Text(
        required=False, allow_blank=True, default="", help_text="For colleagues; it is kept in the audit."
    )


class RenewBody(Body):
    """A claim that is worked under."""

    claim_number = WholeNumber(min_value=1, max_value=2**31 - 1, help_text="Of your claim.")
    seen_digest = Text(max_length=64, help_text="Of the ticket as you saw it.")


class TicketAssign(Deciding):
    """Assigning."""

    @extend_schema(operation_id="assign_ticket", request=AssignBody, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Assign a ticket to somebody, as a lead: a claim on it ends, its draft stays, its clocks run on."""
        body = self.read_body(AssignBody)
        ticket = find_ticket(self.caller, ticket_id, DeskRight.LEAD)
        reassign_ticket(ticket.pk, self.person, find_decider(ticket.queue, body["to"]), body["note"])
        return self.show(ticket_id)


class TicketRenew(Deciding):
    """Keeping a claim."""

    @extend_schema(operation_id="renew_claim", request=RenewBody, responses=TicketDetail)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Keep your claim while you work, for an hour at most; one that ran out is taken again. 409: it is lost."""
        body = self.read_body(RenewBody)
        renew_claim(self.find(ticket_id).pk, self.person, **body)
        return self.show(ticket_id)
