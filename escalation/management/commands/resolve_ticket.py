"""`resolve_ticket`: decide a ticket from the shell."""

import json
from contextlib import suppress
from typing import Any

from django.contrib.auth.models import User
from django.core.management import CommandError, CommandParser

from escalation.errors import EscalationError
from escalation.escrow import claim_ticket, name_decider, release_ticket, resolve_ticket
from escalation.management.arguments import (
    RESOLUTIONS,
    add_ticket_and_person,
    find_person,
    note_seen,
)
from escalation.management.base import DeskCommand
from escalation.models import Ticket
from escalation.selectors import get_ticket, summarise_ticket
from escalation.selectors.pending import find_pending_of
from escalation.selectors.seats import sit
from orchestration.domain.hold_fields import OUTPUT, SCOPE_WORDS, Scope
from orchestration.domain.holds import CHOSEN_BY_PEOPLE, WAY_OF, kinds_with
from orchestration.domain.states import ResolutionKind
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_json_switch, read_json
from orchestration.selectors.scope import call_as


class Command(DeskCommand):
    """Decide a ticket."""

    help = "Decide a ticket; claims it first if nobody holds it, and gives it back if refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the ticket, the person and the decision."""
        add_ticket_and_person(parser)
        effects = "; ".join(f"{kind}: {WAY_OF[kind].effect}" for kind in CHOSEN_BY_PEOPLE)
        parser.add_argument(
            "--resolution",
            required=True,
            choices=sorted(RESOLUTIONS),
            help=f"What is decided. {effects}.",
        )
        parser.add_argument(
            "--output", metavar="JSON|@FILE|-", help="With edit: the output that is approved."
        )
        parser.add_argument("--feedback", default="", help="With send_back: what the agent should do better.")
        parser.add_argument("--agent", default="", help="With hand_on: who shall do the step.")
        parser.add_argument(
            "--reason-code", default="", metavar="CODE", help="One of the review queue's; it may ask for one."
        )
        parser.add_argument(
            "--scope",
            choices=[scope.value for scope in Scope],
            help="With close, in a run that another one started: "
            + "; ".join(f"{scope}: {words}" for scope, words in SCOPE_WORDS.items())
            + ".",
        )
        parser.add_argument("--note", default="", help="For colleagues; no agent sees it.")
        add_json_switch(parser)

    def handle(
        self,
        *,
        ticket: int,
        username: str,
        resolution: str,
        output: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Decide, and say what was decided."""
        person, kind = find_person(username), RESOLUTIONS[resolution]
        if (output is None) == (kind in kinds_with(OUTPUT)):
            needing = " or ".join(kinds_with(OUTPUT))
            raise CommandError(f"--output: needed with --resolution {needing}, and goes with it only.")
        value = None if output is None else read_json("--output", output)
        said = {name: options[name] for name in ("feedback", "note", "agent", "reason_code")}
        scope = Scope(options["scope"]) if options["scope"] else None
        try:
            _decide(ticket, person, kind, output=value, scope=scope, **said)
        except (EscalationError, OrchestrationError) as error:
            raise CommandError(str(error)) from error
        decided = get_ticket(ticket)
        if as_json:
            note_seen(decided, person)
            self.stdout.write(json.dumps(summarise_ticket(decided, call_as(person)), indent=2))
        else:
            self._report(decided)

    def _report(self, ticket: Ticket) -> None:
        pending = find_pending_of(ticket)
        if ticket.is_open and ticket.seats > 1:
            self.stdout.write(_tell_vote(ticket))
        elif pending is not None:
            who = pending.decided_by.get_username()
            self.stdout.write(
                f"Ticket {ticket.pk} is decided: {pending.kind} by {who}. It takes effect at "
                f"{pending.takes_effect_at:%H:%M:%S} UTC; until then it can be taken back:\n"
                f"  manage.py take_back_resolution {ticket.pk} --as {who}"
            )
        else:
            person = name_decider(ticket)
            self.stdout.write(f"Ticket {ticket.pk} is resolved: {ticket.resolution} by {person}.")


def _tell_vote(ticket: Ticket) -> str:
    kept = f"Your vote on ticket {ticket.pk} is kept: {ticket.votes_cast} of {ticket.seats} voted"
    if ticket.needs_lead:
        return f"{kept}, and they do not agree. A lead of the queue decides."
    return f"{kept}, {ticket.votes_needed} must agree. What they voted nobody is told before that."


def _decide(number: int, person: User, kind: ResolutionKind, **said: Any) -> None:
    found = ticket = sit(get_ticket(number), person.pk)
    has_voted = found.own_seat is not None and found.own_seat.has_voted
    if found.is_open and found.decided_at is None and not has_voted:
        ticket = claim_ticket(number, person)
    try:
        resolve_ticket(
            number,
            person,
            kind,
            claim_number=ticket.claim_number,
            seen_digest=ticket.seen_digest,
            **said,
        )
    except (EscalationError, OrchestrationError):
        # A claim that the person held before keeps its number, and stays.
        if ticket.claim_number != found.claim_number:
            _give_back(number, person)
        raise


def _give_back(number: int, person: User) -> None:
    # Nothing to give back when the claim ran out, or somebody closed the ticket, in the meantime.
    with suppress(EscalationError):
        release_ticket(number, person)
