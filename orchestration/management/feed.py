"""Reads what `start_run --each` feeds: a JSON object a line, each checked before the first run starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import CommandError

from agents.domain.reading import read_json, read_utf8
from agents.errors import UnreadableJson
from orchestration import runs
from orchestration.errors import IdempotencyConflict, InputInvalid
from orchestration.planning import write_input

_MOST_SHOWN = 20
_ID_FIELDS = ("message_id", "id")


@dataclass(frozen=True, slots=True)
class Wish:
    """A run to be started. `is_known`: its key and input have a run already."""

    input: Any
    key: str | None
    is_known: bool


class _BadLineError(ValueError):
    """Why a line can't be a run."""


def read_feed(workflow: str, file: str, prefix: str | None, project: str = "default") -> list[Wish]:
    """Return one wish per line that is not blank or said before; all lines are checked first.

    Args: prefix: the keys' first part; the file's name by default.
    Raises: CommandError: naming file, line and reason of every bad line. WorkflowNotFound.
    """
    wishes: dict[str | None, Wish] = {}
    faults: list[str] = []
    for number, line in _read_lines(file):
        try:
            _add(wishes, _read_wish(workflow, line, number, prefix or Path(file).name, project))
        except (_BadLineError, UnreadableJson, InputInvalid, IdempotencyConflict) as error:
            faults.append(f"{file}, line {number}: {error}")
    if faults:
        more = [f"... and {len(faults) - _MOST_SHOWN} more"] if len(faults) > _MOST_SHOWN else []
        text = "\n".join([*faults[:_MOST_SHOWN], *more])
        raise CommandError(f"--each: nothing was started; {len(faults)} lines can't be:\n{text}")
    if not wishes:
        raise CommandError(f"--each: {file} has no lines; give a file with a JSON object a line.")
    return list(wishes.values())


def _add(wishes: dict[str | None, Wish], wish: Wish) -> None:
    said = wishes.setdefault(wish.key, wish)
    # As JSON: for Python 1 and true are equal.
    if said is not wish and write_input(said.input) != write_input(wish.input):
        raise _BadLineError(f"another line with other content has the key '{wish.key}'")


def _read_lines(file: str) -> Iterator[tuple[int, str]]:
    try:
        # Not splitlines(): a JSON string may hold U+2028, which that would take for the end of a line.
        lines = read_utf8(Path(file).read_bytes()).split("\n")
    except OSError as error:
        raise CommandError(f"--each: can't read {file}: {error.strerror}.") from error
    except UnreadableJson as error:
        raise CommandError(f"--each: {file}: {error}.") from error
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _read_wish(workflow: str, line: str, number: int, prefix: str, project: str) -> Wish:
    value = read_json(line)
    key = f"{prefix}:{_identify(value, number)}"
    known = runs.check_start(workflow, value, idempotency_key=key, project=project)
    return Wish(value, key, is_known=known is not None)


def _identify(value: Any, number: int) -> str:
    """Return what makes a line the same line when the file is fed again: its id, else its number."""
    for field in _ID_FIELDS if isinstance(value, dict) else ():
        if isinstance(value.get(field), str | int) and value[field] != "":
            return str(value[field])
    return str(number)
