"""Memories as rows and as JSON, and the arguments of the commands about them."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from django.core.management.base import CommandError, CommandParser

from agents.domain.notebook import MemoryScope
from orchestration.errors import OrchestrationError
from orchestration.management.arguments import add_project, read_words
from orchestration.management.terminal import show_text
from orchestration.models import Memory

T = TypeVar("T")
HEAD: Final = ("ID", "SCOPE", "OF", "KEY", "VERSION", "SINCE", "UNTIL", "WRITTEN BY", "VALUE")
_MOST_VALUE: Final = 60


def add_place(parser: CommandParser, default_project: str | None = "default") -> None:
    """Add where a memory is: project, scope and whose it is."""
    add_project(parser, "Its project.", default_project)
    parser.add_argument("--scope", choices=[str(scope) for scope in MemoryScope], help="Whose kind it is.")
    parser.add_argument(
        "--id",
        dest="scope_id",
        type=read_words,
        help="The agent, the run or the actor; nothing for a project.",
    )


def memory_rows(memories: Sequence[Memory]) -> list[tuple[str, ...]]:
    """Return memories as rows of a table."""
    return [
        (
            str(one.pk),
            one.scope,
            one.scope_id or "-",
            one.key,
            str(one.version),
            f"{one.valid_from:%Y-%m-%d %H:%M:%S}",
            f"{one.replaced_at:%Y-%m-%d %H:%M:%S}" if one.replaced_at else "-",
            _name_writer(one),
            "(forgotten)" if one.value_json is None else show_text(one.value_json, _MOST_VALUE),
        )
        for one in memories
    ]


def describe_memory(one: Memory) -> dict[str, Any]:
    """Return a memory as JSON values."""
    return {
        "id": one.pk,
        "scope": one.scope,
        "scope_id": one.scope_id,
        "key": one.key,
        "version": one.version,
        "value": one.value,
        "is_forgotten": one.is_forgotten,
        "about": one.about,
        "reason": one.reason,
        "digest": one.digest,
        "valid_from": one.valid_from.isoformat(),
        "replaced_at": one.replaced_at.isoformat() if one.replaced_at else None,
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        "run": str(one.run_id) if one.run_id else None,
        "step": one.step.key if one.step else None,
        "attempt": one.attempt.number if one.attempt else None,
        "agent": one.attempt.agent if one.attempt else None,
        "person": one.person_name,
    }


def _name_writer(one: Memory) -> str:
    if one.step is None or one.attempt is None:
        return one.person_name
    return f"{one.attempt.agent}, run {str(one.run_id)[:8]}, {one.step.key} #{one.attempt.number}"


def do_or_say(act: Callable[[], T]) -> T:
    """Do something with memories.

    Raises: CommandError: it was refused; says the argument.
    """
    try:
        return act()
    except OrchestrationError as error:
        field, colon, rest = str(error).partition(": ")
        raise CommandError(
            f"--{field.replace('_', '-')}{colon}{rest}." if colon and field.isidentifier() else f"{error}."
        ) from None
