"""`replan_ticket`: let a ticket go by its queue's calendar of today."""

from typing import Any, ClassVar

from django.contrib.auth.models import User

from escalation.escrow import replan_ticket
from escalation.management.orders import TicketOrder
from escalation.models import Ticket
from escalation.selectors import describe_calendar


class Command(TicketOrder):
    """Plan anew."""

    help = "Let an open ticket go by its queue's calendar of today; what is used stays used."
    next_step: ClassVar[str] = (
        "Clocks that stand go on with resume_ticket; calendars are changed in the console, or at /api/v1/calendars."
    )

    def act(self, number: int, person: User, **options: Any) -> None:
        """Plan it anew."""
        replan_ticket(number, person)

    def say(self, ticket: Ticket) -> str:
        """Return by what it goes, and when it is due."""
        calendar = describe_calendar(ticket) or "no calendar, around the clock"
        return f"Ticket {ticket.pk} goes by {calendar}; it is due at {ticket.due_at:%Y-%m-%d %H:%M:%S} UTC."
