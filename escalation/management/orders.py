"""What the commands that do one thing to one ticket share: who acts, what is refused, and what to do then."""

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, overload

from django.contrib.auth.models import User
from django.core.management import CommandError, CommandParser

from escalation.errors import EscalationError
from escalation.management.arguments import add_ticket_and_person, find_person, note_seen
from escalation.management.base import DeskCommand
from escalation.models import Ticket, read_clock
from escalation.selectors import get_ticket, summarise_ticket
from orchestration.management.arguments import add_json_switch, read_time
from orchestration.selectors.scope import call_as

_ARGUMENT_OF_FIELD: Final = {
    "reason": "--reason",
    "until": "--until",
    "resume_at": "--until",
    "reason_code": "--reason-code",
    "note": "--note",
    "comment": "--text",
}


class TicketOrder(DeskCommand):
    """A command that does one thing to one ticket.

    Attributes: next_step: what to do where it is refused, in a sentence.
    """

    next_step: ClassVar[str] = ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the ticket, who acts, and what else the order takes."""
        add_ticket_and_person(parser)
        self.add_more(parser)
        add_json_switch(parser)

    def add_more(self, parser: CommandParser) -> None:
        """Add what else the order takes."""

    def act(self, number: int, person: User, **options: Any) -> None:
        """Do it.

        Raises: EscalationError.
        """
        raise NotImplementedError

    def say(self, ticket: Ticket) -> str:
        """Return in a sentence how the ticket stands after it."""
        raise NotImplementedError

    def handle(self, *, ticket: int, username: str, as_json: bool, **options: Any) -> None:
        """Do it, and say how the ticket stands."""
        person = find_person(username)
        try:
            self.act(ticket, person, **options)
        except EscalationError as error:
            raise CommandError(" ".join(filter(None, (_say_argument(error), self.next_step)))) from error
        found = get_ticket(ticket)
        if as_json:
            note_seen(found, person)
            self.stdout.write(json.dumps(summarise_ticket(found, call_as(person)), indent=2))
            return
        self.stdout.write(self.say(found))


def add_reason(parser: CommandParser, meaning: str) -> None:
    """Add `--reason`, which has to be given."""
    parser.add_argument("--reason", required=True, metavar="TEXT", help=meaning)


def add_until(parser: CommandParser, meaning: str, *, is_needed: bool = False) -> None:
    """Add `--until`: a time, or how long from now."""
    parser.add_argument(
        "--until",
        type=read_time,
        required=is_needed,
        metavar="TIME|SPAN",
        help=f"{meaning} ISO 8601 with its zone, such as 2026-11-30T09:00:00Z; or a span from now, such as 2h or 3d.",
    )


@overload
def find_moment(until: datetime | timedelta) -> datetime: ...


@overload
def find_moment(until: None) -> None: ...


def find_moment(until: datetime | timedelta | None) -> datetime | None:
    """Return the time that `--until` means, by the database's clock."""
    return read_clock() + until if isinstance(until, timedelta) else until


def _say_argument(error: EscalationError) -> str:
    """Return the words of a refusal, which may begin with a field, under the name that this field has here."""
    field, colon, rest = str(error).partition(": ")
    return f"{_ARGUMENT_OF_FIELD.get(field, field)}{colon}{rest}"
