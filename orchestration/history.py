"""The append-only history: SQL fragments that add a line inside the statement that changes the row.

Only `transitions/` may use this module: a line and the change it tells of are one statement, so neither can
exist without the other. A trigger refuses every later change. Read next: `transitions/`.
"""

from orchestration.domain.events import EventKind

__all__ = ["AFTER_THE_FACT", "COLUMNS", "EventKind", "insert_event"]

AFTER_THE_FACT = (EventKind.LATE_WRITE_REFUSED,)
"""Kinds that may be written after a run closed; a seal does not cover them."""

COLUMNS = "run_id, step_id, attempt, kind, data_json, at"


def insert_event(kind: EventKind, *, source: str, data: str, at: str = "clock_timestamp()") -> str:
    """Return an INSERT that adds one line per row of `source`.

    Args:
        source: a CTE or table with columns run_id, id (the step) and attempt.
        data: SQL expression of the line's JSON text.  at: SQL expression of its time.
    """
    return (
        f"INSERT INTO orchestration_event ({COLUMNS}) "
        f"SELECT run_id, id, attempt, '{kind}', {data}, {at} FROM {source}"
    )
