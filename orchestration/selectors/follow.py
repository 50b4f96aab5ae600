"""Follows the histories of runs without losing a line, however many transactions write at once.

A line's id is given out before its transaction commits, so a later id may be seen first. Lines are therefore read
in the order of their transactions, and only those of transactions before which none is under way any more: nothing
can appear in front of what was read. Read next: docs/adr/0013-following-the-history.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection

_LARGEST = 2**63 - 1
# What may still be written to the history of a run that has ended (`history.AFTER_THE_FACT`).
_AFTER_THE_FACT = ("late_write_refused", "budget_used_up")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a run's history: behind this line. Written "<transaction>.<id>"."""

    transaction_id: int
    event_id: int

    def __str__(self) -> str:
        """Return it as a stream names it."""
        return f"{self.transaction_id}.{self.event_id}"


BEGINNING = Cursor(0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a run's history. `step` is the step's key, "" for a line about the run itself."""

    cursor: Cursor
    kind: str
    at: datetime
    step: str
    attempt: int | None
    data: Any


@dataclass(frozen=True, slots=True)
class News:
    """What stands behind a place. `ended`: the run's final status, once every line of it was read."""

    lines: tuple[Line, ...]
    ended: str = ""


Place = tuple[UUID, Cursor]
"""A run, and how far its history was read."""


def parse_cursor(text: str) -> Cursor:
    """Return the place that a stream named.

    Raises: ValueError: it is none.
    """
    transaction_id, dot, event_id = text.partition(".")
    if not dot or not all(map(_is_number, (transaction_id, event_id))):
        raise ValueError("a place in a history is two whole numbers: <transaction>.<id>")
    return Cursor(int(transaction_id), int(event_id))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= _LARGEST


_NEWS = """
WITH place AS (
    SELECT * FROM unnest(%(runs)s::uuid[], %(transactions)s::bigint[], %(events)s::bigint[]) WITH ORDINALITY
    AS p(run_id, transaction_id, event_id, n)
), horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS transaction_id)
SELECT p.n - 1 AS n, CASE WHEN r.finished_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM orchestration_event e WHERE e.run_id = p.run_id
        AND (e.transaction_id, e.id) > (p.transaction_id, p.event_id) AND e.kind <> ALL(%(after)s::text[])
    ) THEN r.status ELSE '' END AS ended,
    l.transaction_id, l.id, l.kind, l.at, s.key, l.attempt, l.data_json
FROM place p
CROSS JOIN horizon h
JOIN orchestration_run r ON r.id = p.run_id
LEFT JOIN LATERAL (
    SELECT * FROM orchestration_event e
    WHERE e.run_id = p.run_id AND (e.transaction_id, e.id) > (p.transaction_id, p.event_id)
    AND e.transaction_id < h.transaction_id
    ORDER BY e.transaction_id, e.id LIMIT %(most)s
) l ON true
LEFT JOIN orchestration_step s ON s.id = l.step_id
WHERE l.id IS NOT NULL OR r.finished_at IS NOT NULL
ORDER BY p.n, l.transaction_id, l.id
"""


def read_news(places: Sequence[Place], most: int) -> dict[Place, News]:
    """Return what is new behind each place, in one statement; places without news are left out.

    Args: most: lines behind one place; the rest comes when asked for behind the last of these.
    """
    parameters: dict[str, Any] = {
        "runs": [run_id for run_id, _ in places],
        "transactions": [cursor.transaction_id for _, cursor in places],
        "events": [cursor.event_id for _, cursor in places],
        "most": most,
        "after": list(_AFTER_THE_FACT),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, parameters)
        rows = cursor.fetchall()
    read = {places[n]: _read_rows(list(group), most) for n, group in groupby(rows, key=itemgetter(0))}
    return {place: news for place, news in read.items() if news.lines or news.ended}


def find_horizon() -> Cursor:
    """Return the place behind which every line stands that can't be seen yet; what was read after it is newer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return Cursor(cursor.fetchone()[0], 0)


def _read_rows(rows: list[Any], most: int) -> News:
    lines = tuple(
        Line(Cursor(transaction_id, event_id), kind, at, key or "", attempt, json.loads(data))
        for _, _, transaction_id, event_id, kind, at, key, attempt, data in rows
        if event_id is not None
    )
    return News(lines, rows[0][1] if len(lines) < most else "")
