"""How versions are written: appended to under the locks of their keys, in one order, by one statement.

`REMEMBERED` is how that is part of the statement that finishes a step; a person's write is the same by itself.
Whoever expects a version that is not the latest violates a constraint, which undoes all of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import orjson
import psycopg
from django.db import IntegrityError, transaction

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.effects import Effect
from orchestration.errors import MemoryConflict
from orchestration.memory.lines import LINE, MemoryLine, name_key
from orchestration.memory.vectors import insert_vectors

T = TypeVar("T")
_MOST_TRIES: Final = 100
_CONSTRAINTS: Final = frozenset({"memory_version_once", "memory_current_once", "memory_version_from_one"})
_ON_KEY: Final = (
    "m.project_id = {0}.project AND m.scope = {0}.scope AND m.scope_id = {0}.scope_id AND m.key = {0}.key"
)
_NUMBERED: Final = (
    "SELECT nextval(pg_get_serial_sequence('orchestration_memory', 'id')) AS id, clock_timestamp() AS at, e.*"
)
# In the order of keys, so that two that write the same keys wait for each other and never in a circle.
_LOCKED: Final = f"""
    SELECT m.id, l.id AS by_id FROM memory l JOIN orchestration_memory m ON {_ON_KEY.format("l")}
    WHERE m.replaced_by IS NULL ORDER BY m.scope, m.scope_id, m.key FOR UPDATE OF m"""
# Of two clocks the later one counts: a version never ends before it begins.
_REPLACED: Final = """
    UPDATE orchestration_memory m
    SET replaced_at = greatest(l.at, m.valid_from + interval '1 microsecond'), replaced_by = l.id,
        replaced_in = pg_current_xact_id()::text::bigint
    FROM memory_locked k JOIN memory l ON l.id = k.by_id WHERE m.id = k.id
    RETURNING l.id, m.version, m.replaced_at,
        m.value_json IS NULL OR coalesce(m.expires_at <= l.at, false) AS is_gone"""
# A version that is not the one expected, or counted, becomes 0, which no row may have. Who finds nothing expects 0: so
# it is with what is forgotten or has expired.
_WRITTEN: Final = """
    INSERT INTO orchestration_memory (id, project_id, scope, scope_id, key, version, value_json, digest, tokens, search,
        about, reason, step_id, run_id, attempt_id, person_id, person_name, valid_from, written_in, expires_at)
    SELECT l.id, l.project, l.scope, l.scope_id, l.key,
        CASE WHEN (coalesce(l.expected, r.version, 0) = coalesce(r.version, 0) OR l.expected = 0 AND r.is_gone)
            AND l.version = coalesce(r.version, 0) + 1 THEN l.version ELSE 0 END,
        l.value, l.digest, l.tokens, l.search, coalesce(l.about, '{}'), coalesce(l.reason, ''),
        l.by_step, l.by_run, l.by_attempt, l.by_person, coalesce(l.by_name, ''),
        coalesce(r.replaced_at, l.at), pg_current_xact_id()::text::bigint,
        coalesce(r.replaced_at, l.at) + make_interval(secs => l.expires)
    FROM memory l LEFT JOIN memory_replaced r ON r.id = l.id ORDER BY l.scope, l.scope_id, l.key
    RETURNING id, scope, scope_id, key, version"""
_PARTS: Final = (("memory_locked", _LOCKED), ("memory_replaced", _REPLACED), ("memory_written", _WRITTEN))
_UNDRAFTED: Final = "DELETE FROM orchestration_memorydraft x USING done d WHERE x.step_id = d.id"
REMEMBERED: Final = Effect("memory", LINE, _NUMBERED, after=(*_PARTS, ("memory_undrafted", _UNDRAFTED)))
"""What an accepted attempt remembers; its lines are numbered first (`number_lines`)."""

_COLUMNS: Final = ", ".join(f"{name} {kind}" for name, kind in LINE.items())
_WRITE: Final = f"""
WITH memory AS ({_NUMBERED} FROM json_to_recordset(%(lines)s::json) AS e({_COLUMNS})),
    {", ".join(f"{name} AS ({sql})" for name, sql in _PARTS)}
SELECT id, key, version FROM memory_written
"""
_LATEST: Final = f"""
SELECT m.scope, m.scope_id, m.key, m.version FROM json_to_recordset(%(lines)s::json) AS e({_COLUMNS})
JOIN orchestration_memory m ON {_ON_KEY.format("e")} AND m.replaced_by IS NULL
"""
_FIND_CONFLICT: Final = f"""
SELECT e.scope, e.key, e.expected, m.version
FROM json_to_recordset(%(lines)s::json) AS e({_COLUMNS})
LEFT JOIN orchestration_memory m ON {_ON_KEY.format("e")} AND m.replaced_by IS NULL
WHERE e.expected IS NOT NULL AND e.expected <> coalesce(m.version, 0)
    AND NOT (e.expected = 0 AND (m.value_json IS NULL OR coalesce(m.expires_at <= clock_timestamp(), false)))
ORDER BY e.scope, e.scope_id, e.key LIMIT 1
"""


def write_memories(lines: Sequence[MemoryLine], embedded: Sequence[MemoryLine] = ()) -> list[Any]:
    """Write versions by themselves, in one transaction with their vectors.

    Returns: rows with id, key and version.
    Raises: MemoryConflict: a version was expected that is not the latest; nothing was written.
    """

    def write() -> list[Any]:
        rows = fetch_all(_WRITE, {"lines": _dump(number_lines(lines))})
        insert_vectors(embedded)
        return rows

    return insist_on_keys(write, lines)


def number_lines(lines: Sequence[MemoryLine]) -> list[MemoryLine]:
    """Return what is to be remembered with the version that each will be, as things stand: for a receipt to name it.

    If another is written before them, the write is refused and they are numbered anew (`insist_on_keys`).
    """
    found = fetch_all(_LATEST, {"lines": _dump(lines)})
    latest = {(row.scope, row.scope_id, row.key): row.version for row in found}
    return [{**line, "version": latest.get(name_key(line), 0) + 1} for line in lines]


def insist_on_keys(write: Callable[[], T], lines: Sequence[MemoryLine]) -> T:
    """Do what writes versions, again while others write the same keys at the same moment.

    Who expects no version appends to whatever is there; of two that count to the same number one is refused by the
    database, and counts anew. In a transaction of its own each time.

    Args: lines: what is written.
    Raises: MemoryConflict: a version was expected that is not the latest; nothing was written.
    """
    for again in range(_MOST_TRIES):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError as error:
            if not _is_about_versions(error):
                raise
            _raise_conflict(lines)
            if again == _MOST_TRIES - 1:
                raise
    raise AssertionError("each try returns or raises")


def _is_about_versions(error: IntegrityError) -> bool:
    cause = error.__cause__
    return isinstance(cause, psycopg.errors.Error) and cause.diag.constraint_name in _CONSTRAINTS


def _raise_conflict(lines: Sequence[MemoryLine]) -> None:
    row = fetch_one(_FIND_CONFLICT, {"lines": _dump(sorted(lines, key=name_key))})
    if row is None:
        return
    found = "there is none" if row.version is None else f"the latest is {row.version}"
    raise MemoryConflict(
        f"expected_version: '{row.key}' ({row.scope}) was to be at version {row.expected}, and {found}"
    )


def _dump(lines: Sequence[MemoryLine]) -> str:
    return orjson.dumps(list(lines)).decode()
