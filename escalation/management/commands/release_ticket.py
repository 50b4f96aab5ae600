"""`release_ticket`: give a claim back."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.management import CommandParser

from escalation.escrow import release_ticket
from escalation.management.orders import TicketOrder
from escalation.models import Ticket


class Command(TicketOrder):
    """Give a claim back."""

    help = "Give the claim that --as has on a ticket back; the draft stays for whoever claims next."
    next_step: ClassVar[str] = (
        "list_tickets shows who holds what; assign_ticket takes a ticket from whoever has it."
    )

    def add_more(self, parser: CommandParser) -> None:
        """Add the note."""
        parser.add_argument(
            "--note", default="", metavar="TEXT", help="For colleagues; it is kept in the audit."
        )

    def act(self, number: int, person: User, **options: Any) -> None:
        """Give it back."""
        release_ticket(number, person, options["note"])

    def say(self, ticket: Ticket) -> str:
        """Return that it is free."""
        return f"Ticket {ticket.pk} is free again; it is due at {ticket.due_at:%Y-%m-%d %H:%M:%S} UTC."
