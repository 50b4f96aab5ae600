"""What is to be remembered as lines of a statement. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from agents.domain.notebook import Note
from orchestration.counting import count_tokens
from orchestration.domain.receipts import digest_text

MemoryLine: TypeAlias = Mapping[str, Any]

LINE: Final = {
    "project": "bigint", "scope": "text", "scope_id": "text", "key": "text", "value": "text", "digest": "text",
    "tokens": "integer", "search": "text", "expires": "double precision", "expected": "integer", "by_step": "bigint",
    "by_run": "uuid", "by_attempt": "bigint", "by_person": "bigint", "by_name": "text", "about": "text[]",
    "reason": "text", "version": "integer",
}  # fmt: skip
"""SQL types of a line, by name. Those that begin with `by_` say who wrote it: an attempt, or a person.

`version` is what it will be, counted just before it is written; `expected`, whether it may be that.
"""


def describe_note(note: Note, *, project_id: int, scope_id: str, **by: object) -> MemoryLine:
    """Return the line of a note. `by`: columns of who wrote it."""
    return {
        "project": project_id,
        "scope": str(note.scope),
        "scope_id": scope_id,
        "key": note.key,
        "value": note.value_json,
        "digest": digest_text(note.value_json),
        "tokens": count_tokens(note.value_json),
        "search": note.search,
        "expires": note.expires_in_seconds,
        "expected": note.expected_version,
        "about": list(note.about),
        **by,
    }


def name_key(line: MemoryLine) -> tuple[str, str, str]:
    """Return what a line is about, in the order in which keys are locked."""
    return line["scope"], line["scope_id"], line["key"]


def merge_lines(lines: Iterable[MemoryLine]) -> list[MemoryLine]:
    """Return one line for each key, the last, in the order of locks; a version that any of them expects stays so."""
    last: dict[tuple[str, str, str], MemoryLine] = {}
    for line in lines:
        before = last.get(name_key(line))
        expected = line["expected"] if before is None or line["expected"] is not None else before["expected"]
        last[name_key(line)] = {**line, "expected": expected}
    return [last[at] for at in sorted(last)]
