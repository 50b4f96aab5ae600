"""`take_back_resolution`: take back a decision that has not taken effect."""

import json
from typing import Any

from django.core.management import CommandError, CommandParser

from escalation.domain.desk_rights import DeskRight
from escalation.errors import EscalationError
from escalation.escrow import take_back_resolution
from escalation.management.arguments import add_ticket_and_person, find_person, note_seen
from escalation.management.base import DeskCommand
from escalation.selectors import get_ticket, may_desk, summarise_ticket
from orchestration.management.arguments import add_json_switch
from orchestration.selectors.scope import call_as


class Command(DeskCommand):
    """Take back a decision."""

    help = "Take back a decision that waits for the grace period of its review queue: one's own, or any as a lead."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the ticket and the person."""
        add_ticket_and_person(parser)
        add_json_switch(parser)

    def handle(self, *, ticket: int, username: str, as_json: bool, **options: Any) -> None:
        """Take it back, and say whose the ticket is then."""
        person = find_person(username)
        try:
            as_lead = may_desk(call_as(person), get_ticket(ticket).queue, DeskRight.LEAD)
            take_back_resolution(ticket, person, as_lead=as_lead)
        except EscalationError as error:
            raise CommandError(str(error)) from error
        open_again = get_ticket(ticket)
        if as_json:
            note_seen(open_again, person)
            self.stdout.write(json.dumps(summarise_ticket(open_again, call_as(person)), indent=2))
            return
        holder = open_again.claimed_by.get_username() if open_again.claimed_by else "nobody"
        self.stdout.write(
            f"The decision on ticket {ticket} is taken back; it is claimed by {holder} "
            f"(claim {open_again.claim_number})."
        )
