"""`snooze_ticket`: put off a ticket that one holds."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.management import CommandParser

from escalation.escrow import snooze_ticket
from escalation.management.orders import TicketOrder, add_reason, add_until, find_moment
from escalation.models import Ticket


class Command(TicketOrder):
    """Put a ticket off."""

    help = "Put off a ticket that --as holds until later: the claim ends, the draft stays, nobody is offered it before."
    next_step: ClassVar[str] = "claim_ticket gives a claim; wake_ticket brings back what is put off."

    def add_more(self, parser: CommandParser) -> None:
        """Add until when, and why."""
        add_until(parser, "Until when.", is_needed=True)
        add_reason(parser, "Why, for colleagues.")
        parser.add_argument(
            "--reason-code",
            default="",
            metavar="CODE",
            help="One of the review queue's; it may stop the clocks.",
        )

    def act(self, number: int, person: User, **options: Any) -> None:
        """Put it off."""
        snooze_ticket(
            number,
            person,
            find_moment(options["until"]),
            options["reason"],
            None,
            reason_code=options["reason_code"],
        )

    def say(self, ticket: Ticket) -> str:
        """Return until when, and whether its clocks stand."""
        clocks = "its clocks stand still meanwhile" if ticket.paused_at else "its clocks run on"
        return f"Ticket {ticket.pk} is put off until {ticket.snoozed_until:%Y-%m-%d %H:%M:%S} UTC; {clocks}."
