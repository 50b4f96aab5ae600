"""`resume_ticket`: let the clocks of a ticket go on."""

from typing import Any, ClassVar

from django.contrib.auth.models import User

from escalation.escrow import resume_ticket
from escalation.management.orders import TicketOrder
from escalation.models import Ticket


class Command(TicketOrder):
    """Let clocks go on."""

    help = "Let the clocks of a ticket go on, with as much time as was left."
    next_step: ClassVar[str] = "list_tickets shows what is open and due."

    def act(self, number: int, person: User, **options: Any) -> None:
        """Let them go on."""
        resume_ticket(number, person)

    def say(self, ticket: Ticket) -> str:
        """Return when it is due."""
        return f"The clocks of ticket {ticket.pk} run; it is due at {ticket.due_at:%Y-%m-%d %H:%M:%S} UTC."
