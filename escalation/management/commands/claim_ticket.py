"""`claim_ticket`: take a ticket for the length of a lease."""

import json
from typing import Any

from django.core.management import CommandError, CommandParser

from escalation.errors import EscalationError
from escalation.escrow import claim_next_ticket, claim_ticket
from escalation.management.arguments import add_ticket_and_person, find_person, note_seen
from escalation.management.base import DeskCommand
from escalation.models import Ticket
from escalation.selectors import foresee_skips, get_ticket, summarise_ticket
from escalation.selectors.seats import sit
from orchestration.management.arguments import add_json_switch
from orchestration.selectors.scope import call_as


class Command(DeskCommand):
    """Claim a ticket."""

    help = "Claim a ticket, or renew one's own claim; with --next the free one that is due first."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the ticket and the person."""
        add_ticket_and_person(parser, needs_ticket=False)
        parser.add_argument(
            "--next",
            action="store_true",
            dest="takes_next",
            help="Instead of a number: what is free and due first, of what the person may decide and did not request.",
        )
        add_json_switch(parser)

    def handle(
        self, *, ticket: int | None, username: str, takes_next: bool, as_json: bool, **options: Any
    ) -> None:
        """Claim, and say until when."""
        if takes_next == (ticket is not None):
            raise CommandError("ticket: give the number of a ticket, or --next; one of the two.")
        person = find_person(username)
        try:
            found = (
                claim_next_ticket(person, call_as(person)) if ticket is None else claim_ticket(ticket, person)
            )
        except EscalationError as error:
            raise CommandError(str(error)) from error
        claimed = sit(get_ticket(found.pk), person.pk)
        if as_json:
            note_seen(claimed, person)
            self.stdout.write(json.dumps(summarise_ticket(claimed, call_as(person)), indent=2))
            return
        self.stdout.write(
            f"{_name(claimed)} is claimed by {username} until {claimed.claim_expires_at:%H:%M:%S} UTC "
            f"(claim {claimed.claim_number})."
        )
        along = foresee_skips(claimed)
        if along:
            self.stdout.write(f"A skip would take along what needs its output: {', '.join(along)}.")


def _name(claimed: Ticket) -> str:
    if claimed.own_seat is None:
        return f"Ticket {claimed.pk}"
    return f"Seat {claimed.own_seat.number} of {claimed.seats} of ticket {claimed.pk}"
