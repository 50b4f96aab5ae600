"""`assign_ticket`: let somebody have a ticket first, whoever has it now."""

import json
from typing import Any

from django.core.management import CommandError, CommandParser

from escalation.errors import EscalationError
from escalation.escrow import reassign_ticket
from escalation.management.arguments import add_ticket_and_person, find_person, note_seen
from escalation.management.base import DeskCommand
from escalation.selectors import find_decider, get_ticket, summarise_ticket
from orchestration.management.arguments import add_json_switch
from orchestration.selectors.scope import call_as


class Command(DeskCommand):
    """Assign a ticket."""

    help = "Assign a ticket to somebody: a claim on it ends, its draft stays, its clocks run on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the ticket and both people."""
        add_ticket_and_person(parser)
        parser.add_argument("--to", required=True, metavar="USER", help="Who is to have it.")
        parser.add_argument("--note", default="", help="For colleagues; it is kept in the audit.")
        add_json_switch(parser)

    def handle(
        self, *, ticket: int, username: str, to: str, note: str, as_json: bool, **options: Any
    ) -> None:
        """Assign, and say until when it is theirs alone."""
        lead = find_person(username)
        try:
            assignee = find_decider(get_ticket(ticket).queue, to)
            assigned = reassign_ticket(ticket, lead, assignee, note)
        except EscalationError as error:
            raise CommandError(str(error)) from error
        if as_json:
            note_seen(get_ticket(ticket), lead)
            self.stdout.write(json.dumps(summarise_ticket(get_ticket(ticket), call_as(lead)), indent=2))
            return
        self.stdout.write(
            f"Ticket {ticket} is assigned to {to}; until {assigned.assigned_until:%H:%M:%S} UTC nobody else claims it."
        )
