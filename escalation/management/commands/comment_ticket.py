"""`comment_ticket`: say something about a ticket."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.management import CommandParser

from escalation.escrow import comment_on
from escalation.management.orders import TicketOrder
from escalation.models import Ticket


class Command(TicketOrder):
    """Comment."""

    help = (
        "Say something about a ticket, open or closed; @name tells that person, if they may look. It stays."
    )
    next_step: ClassVar[str] = "list_tickets --status all shows which tickets there are."

    def add_more(self, parser: CommandParser) -> None:
        """Add the words."""
        parser.add_argument("--text", required=True, help="What is said; no agent sees it.")

    def act(self, number: int, person: User, **options: Any) -> None:
        """Say it, and on standard error who was not told."""
        said = comment_on(number, person, options["text"])
        if said.untold:
            names = ", ".join(f"@{name}" for name in said.untold)
            self.stderr.write(f"Nobody was told as {names}: no such colleague at this ticket's queue.")

    def say(self, ticket: Ticket) -> str:
        """Return that it is kept."""
        return f"The comment on ticket {ticket.pk} is kept."
