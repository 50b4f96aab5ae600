"""Arguments that the engine's commands share, read with errors that name them and say what to do next."""

import math
import sys
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, overload

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management import CommandError, CommandParser

from agents.domain import reading
from agents.errors import UnreadableJson
from orchestration.domain.moments import read_point
from orchestration.errors import OrchestrationError, RunNotFound
from orchestration.models import Project
from orchestration.selectors.progress import RunWithState, find_run

_ARGUMENT_OF_FIELD = {"idempotency_key": "--key", "from_step": "--from"}


def add_json_switch(parser: CommandParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="Write JSON for programs.")


def add_project(parser: CommandParser, meaning: str, default: str | None = None) -> None:
    """Add `--project`."""
    parser.add_argument("--project", metavar="SLUG", type=read_words, default=default, help=meaning)


def read_words(text: str) -> str:
    """Return an argument that is looked for in the database.

    Raises: ArgumentTypeError: a terminal of another encoding gave bytes that are no text.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ArgumentTypeError("it is not written in UTF-8")
    return text


def check_project(slug: str | None) -> None:
    """Refuse a project that does not exist.

    Raises: CommandError: there is none.
    """
    if slug is not None and not Project.objects.filter(slug=slug).exists():
        known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True))
        raise CommandError(f"--project: there is no project '{slug}'; known: {known}.")


def add_run(parser: CommandParser) -> None:
    """Add the run's id."""
    parser.add_argument("run", metavar="ID", help="The run's id, or a beginning of it that only one run has.")


def read_run(beginning: str) -> RunWithState:
    """Return the run that an `ID` argument names.

    Raises: CommandError: none or several.
    """
    try:
        return find_run(beginning)
    except RunNotFound as error:
        raise CommandError(f"ID: {error}.") from None


def read_time(text: str) -> datetime | timedelta:
    """Return an argument that is a time with its zone, or a span.

    Raises: ArgumentTypeError: argparse names the argument.
    """
    return _read_point(text, assumes_utc=False)


def read_utc_time(text: str) -> datetime | timedelta:
    """Return an argument that is a day, a time (UTC if no zone is said) or a span.

    Raises: ArgumentTypeError: argparse names the argument.
    """
    return _read_point(text, assumes_utc=True)


def _read_point(text: str, *, assumes_utc: bool) -> datetime | timedelta:
    try:
        return read_point(text, assumes_utc=assumes_utc)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def find_past(point: datetime | timedelta, end: datetime) -> datetime:
    """Return the moment that an argument means: a span is counted back from `end`."""
    return end - point if isinstance(point, timedelta) else point


@overload
def read_person(username: str, argument: str = "--as") -> AbstractBaseUser: ...


@overload
def read_person(username: None, argument: str = "--as") -> None: ...


def read_person(username: str | None, argument: str = "--as") -> AbstractBaseUser | None:
    """Return the account that an argument, usually `--as`, names.

    Raises: CommandError: there is none.
    """
    accounts = get_user_model()
    try:
        return None if username is None else accounts.objects.get_by_natural_key(username)
    except accounts.DoesNotExist:
        raise CommandError(
            f"{argument}: there is no user '{username}'; `manage.py createsuperuser` or the admin makes one."
        ) from None


def read_seconds(text: str) -> float:
    """Return the value of an argument that is a time to wait.

    Raises: ArgumentTypeError: it is none, or has no end; argparse names the argument, before anything is done.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ArgumentTypeError(f"give a number of seconds from 0, not {text[:20]!r}")
    return seconds


def say_argument(error: OrchestrationError) -> str:
    """Return the words of a refusal, which begin with a field, under the name that this field has here."""
    field, colon, rest = str(error).partition(": ")
    return f"{_ARGUMENT_OF_FIELD.get(field, field)}{colon}{rest}"


def read_json(name: str, source: str) -> Any:
    """Return the value of an argument that is JSON itself, `@file`, or `-` for standard input.

    Raises: CommandError: naming the argument and the place of the fault.
    """
    try:
        return reading.read_json(_read_source(name, source))
    except UnreadableJson as error:
        raise CommandError(f"{name}: {error}. Give JSON, @FILE, or - for standard input.") from None


def read_text(name: str, source: str) -> str:
    """Return an argument's text: its own, a file's (`@file`), or standard input (`-`).

    Raises: CommandError: it can't be read, or is no UTF-8.
    """
    found = _read_source(name, source)
    try:
        return found if isinstance(found, str) else reading.read_utf8(found)
    except UnreadableJson as error:
        raise CommandError(f"{name}: {source}: {error}.") from None


def _read_source(name: str, source: str) -> str | bytes:
    """Return an argument's own text, or the bytes of a file or of standard input, whatever the terminal's encoding.

    Raises: CommandError: there is nothing to read from.
    """
    try:
        if source == "-":
            return _read_standard_input(name)
        return Path(source[1:]).read_bytes() if source.startswith("@") else source
    except (OSError, ValueError) as error:  # a ValueError: a path with a NUL
        why = getattr(error, "strerror", None) or error
        raise CommandError(f"{name}: can't read {source.removeprefix('@')}: {why}.") from error


def _read_standard_input(name: str) -> str | bytes:
    stream: Any = sys.stdin
    if stream is None or stream.closed:  # started with `<&-`, or by a supervisor
        raise CommandError(f"{name}: standard input is closed; give JSON, or @FILE.")
    binary = getattr(stream, "buffer", None)
    found: str | bytes = (stream if binary is None else binary).read()
    if not found.strip():
        raise CommandError(f"{name}: standard input is empty; write the JSON into it, or give @FILE.")
    return found
