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
        """Return since when they stand, and until when."""
        since = f"The clocks of ticket {ticket.pk} stand since {ticket.paused_at:%Y-%m-%d %H:%M:%S} UTC"
        until = ticket.pauses.filter(ended_at__isnull=True).values_list("resume_at", flat=True).first()
        if until is None:
            return f"{since}; resume_ticket lets them go on."
        return f"{since}; they go on at {until:%Y-%m-%d %H:%M:%S} UTC, or before if resume_ticket says so."
