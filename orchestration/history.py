"""The append-only history: SQL fragments that add a line inside the statement that changes the row.

Only `transitions/` may use this module: a line and the change it tells of are one statement, so neither can
exist without the other. A trigger refuses every later change. Read next: `transitions/`.
"""

from orchestration.domain.events import EventKind

__all__ = ["EventKind", "insert_event"]


def insert_event(
    kind: EventKind | str, *, source: str, data: str, at: str = "clock_timestamp()", of_run: bool = False
) -> str:
    """Return an INSERT that adds one line per row of `source`.

    Args:
        kind: of all lines, or a SQL expression.
        source: FROM items with columns run_id, id (the step) and attempt; of_run: with the run's id as `id`.
        data: SQL expression of the line's JSON text.  at: SQL expression of its time.
    """
    about = "id, NULL, NULL" if of_run else "run_id, id, attempt"
    word = f"'{kind}'" if isinstance(kind, EventKind) else kind
    return (
        "INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at) "
        f"SELECT {about}, {word}, {data}, {at} FROM {source}"
    )
