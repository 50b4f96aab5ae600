"""Arguments that the ticket commands share beside those of `orchestration.management.arguments`."""

from typing import cast

from django.contrib.auth.models import User
from django.core.management import CommandError, CommandParser

from escalation.audit import record_seen
from escalation.errors import AuditUnavailable
from escalation.models import Ticket
from orchestration.domain.holds import CHOSEN_BY_PEOPLE
from orchestration.domain.states import ResolutionKind
from orchestration.management.arguments import read_person

RESOLUTIONS = {
    **{kind.value: kind for kind in CHOSEN_BY_PEOPLE},
    "edit-and-approve": ResolutionKind.EDIT,
    "edit_and_approve": ResolutionKind.EDIT,
    "send-back": ResolutionKind.SEND_BACK,
    "hand-on": ResolutionKind.HAND_ON,
}
"""What `--resolution` accepts."""


def add_ticket_and_person(parser: CommandParser, *, needs_ticket: bool = True) -> None:
    """Add the ticket's number and `--as`."""
    parser.add_argument(
        "ticket",
        type=int,
        nargs=None if needs_ticket else "?",
        help="Number of the ticket, as list_tickets shows it.",
    )
    parser.add_argument("--as", dest="username", required=True, metavar="USER", help="Who acts.")


def add_looker(parser: CommandParser) -> None:
    """Add an `--as` that may be left out: who looks."""
    parser.add_argument(
        "--as",
        dest="username",
        metavar="USER",
        help="Who looks, for the audit and for what is theirs; without it, the system's user.",
    )


def find_person(username: str, argument: str = "--as") -> User:
    """Return the account named by an argument, usually `--as`.

    Raises: CommandError: there is none.
    """
    return cast("User", read_person(username, argument))


def note_seen(ticket: Ticket, person: User | None) -> None:
    """Tell the audit that somebody is shown a ticket whole.

    Args: person: None for whoever's shell it is.
    Raises: CommandError: it can't be told, so it is not shown.
    """
    try:
        record_seen(ticket, person)
    except AuditUnavailable as error:
        raise CommandError(str(error)) from error
