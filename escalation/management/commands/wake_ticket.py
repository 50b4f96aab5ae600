"""`wake_ticket`: bring back a ticket that was put off."""

from typing import Any, ClassVar

from django.contrib.auth.models import User

from escalation.escrow import wake_ticket
from escalation.management.orders import TicketOrder
from escalation.models import Ticket


class Command(TicketOrder):
    """Bring a ticket back."""

    help = "Bring back a ticket that is put off before its time; clocks that stood still for it go on."
    next_step: ClassVar[str] = "list_tickets shows what is open."

    def act(self, number: int, person: User, **options: Any) -> None:
        """Bring it back."""
        wake_ticket(number, person)

    def say(self, ticket: Ticket) -> str:
        """Return when it is due."""
        return (
            f"Ticket {ticket.pk} waits with the others; it is due at {ticket.due_at:%Y-%m-%d %H:%M:%S} UTC."
        )
