"""Arguments that the ticket commands share, read with errors that name them."""

import json
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import CommandError, CommandParser

from orchestration.domain.states import ResolutionKind

RESOLUTIONS = {
    **{kind.value: kind for kind in ResolutionKind},
    "edit-and-approve": ResolutionKind.EDIT,
    "edit_and_approve": ResolutionKind.EDIT,
    "send-back": ResolutionKind.SEND_BACK,
}
"""What `--resolution` accepts."""


def add_ticket_and_person(parser: CommandParser) -> None:
    """Add the ticket's number and `--as`."""
    parser.add_argument("ticket", type=int, help="Number of the ticket, as list_tickets shows it.")
    parser.add_argument("--as", dest="username", required=True, metavar="USER", help="Who acts.")


def add_json_switch(parser: CommandParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="Write JSON for programs.")


def find_person(username: str) -> User:
    """Return the account named by `--as`.

    Raises: CommandError: there is none.
    """
    accounts = get_user_model()
    try:
        return accounts.objects.get_by_natural_key(username)
    except accounts.DoesNotExist:
        raise CommandError(
            f"--as: there is no user '{username}'; `manage.py createsuperuser` or the admin makes one."
        ) from None


def read_json_argument(name: str, source: str) -> Any:
    """Return the JSON value of an argument that is JSON itself, `@file`, or `-` for standard input.

    Raises: CommandError: naming the argument and the place of the fault.
    """
    text = _read_source(name, source)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(
            f"{name}: no valid JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError:
        raise CommandError(f"{name}: nested too deeply.") from None


def _read_source(name: str, source: str) -> str:
    try:
        if source == "-":
            return sys.stdin.read()
        if source.startswith("@"):
            return Path(source[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name}: can't read {source[1:]}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: {source} is no UTF-8 text (byte {error.start}).") from error
    return source
