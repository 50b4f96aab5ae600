"""`claim_ticket`: take a ticket for the length of a lease."""

import json
from typing import Any

from django.core.management import CommandError, CommandParser

from agents.management.base import EngineCommand
from escalation.errors import EscalationError
from escalation.escrow import claim_ticket
from escalation.management.arguments import add_ticket_and_person, find_person
from escalation.selectors import get_ticket, summarise_ticket
from orchestration.management.arguments import add_json_switch


class Command(EngineCommand):
    """Claim a ticket."""

    help = "Claim a ticket, or renew one's own claim."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the ticket and the person."""
        add_ticket_and_person(parser)
        add_json_switch(parser)

    def handle(self, *, ticket: int, username: str, as_json: bool, **options: Any) -> None:
        """Claim, and say until when."""
        person = find_person(username)
        try:
            claim_ticket(ticket, person)
        except EscalationError as error:
            raise CommandError(str(error)) from error
        claimed = get_ticket(ticket)
        if as_json:
            self.stdout.write(json.dumps(summarise_ticket(claimed), indent=2))
            return
        self.stdout.write(
            f"Ticket {ticket} is claimed by {username} until {claimed.claim_expires_at:%H:%M:%S} UTC "
            f"(claim {claimed.claim_number})."
        )
