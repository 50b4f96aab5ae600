"""`pause_ticket`: stop the clocks of a ticket."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.management import CommandParser

from escalation.escrow import pause_ticket
from escalation.management.orders import TicketOrder, add_reason, add_until, find_moment
from escalation.models import Ticket


class Command(TicketOrder):
    """Stop clocks."""

    help = "Stop both clocks of an open ticket; what was missed before stays missed."
    next_step: ClassVar[str] = "resume_ticket lets clocks go on that stand; list_tickets shows what is open."

    def add_more(self, parser: CommandParser) -> None:
        """Add why, and until when."""
        add_reason(parser, "Why, for colleagues.")
        add_until(parser, "When they go on by themselves; left out: when resume_ticket says so.")

    def act(self, number: int, person: User, **options: Any) -> None:
        """Stop them."""
        pause_ticket(number, person, options["reason"], resume_at=find_moment(options["until"]))

    def say(self, ticket: Ticket) -> str:
        """Return since when they stand."""
        since = f"{ticket.paused_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"The clocks of ticket {ticket.pk} stand since {since}; resume_ticket lets them go on."
