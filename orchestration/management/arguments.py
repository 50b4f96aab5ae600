"""Arguments that the engine's commands share, read with errors that name them and say what to do next."""

import json
import sys
from pathlib import Path
from typing import Any, overload

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management import CommandError, CommandParser

from orchestration.errors import RunNotFound
from orchestration.models import Project
from orchestration.selectors.progress import RunWithState, find_run


def add_json_switch(parser: CommandParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="Write JSON for programs.")


def add_project(parser: CommandParser, meaning: str, default: str | None = None) -> None:
    """Add `--project`."""
    parser.add_argument("--project", metavar="SLUG", default=default, help=meaning)


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


def read_json(name: str, source: str) -> Any:
    """Return the value of an argument that is JSON itself, `@file`, or `-` for standard input.

    Raises: CommandError: naming the argument and the place of the fault.
    """
    try:
        return json.loads(read_text(name, source))
    except json.JSONDecodeError as error:
        raise CommandError(
            f"{name}: no valid JSON at line {error.lineno}, column {error.colno}: {error.msg}. "
            "Give JSON, @FILE, or - for standard input."
        ) from None
    except RecursionError:
        raise CommandError(f"{name}: nested too deeply; at most some hundred levels.") from None


def read_text(name: str, source: str) -> str:
    """Return an argument's text: its own, a file's (`@file`), or standard input (`-`).

    Raises: CommandError: the file can't be read, or is no UTF-8.
    """
    try:
        if source == "-":
            return sys.stdin.read()
        return Path(source[1:]).read_text(encoding="utf-8") if source.startswith("@") else source
    except OSError as error:
        raise CommandError(f"{name}: can't read {source[1:]}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: {source} is no UTF-8 text (byte {error.start}).") from error
