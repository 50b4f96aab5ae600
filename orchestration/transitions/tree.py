"""A run and the runs below it: found, and locked from the top down.

Nobody locks a parent while holding its child. A run is born under its parent's lock (`expand.py` shares it), so
whoever has locked a run sees all that it will ever have started, but for what it starts after being let go.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class TreeRun:
    """A run of a tree under lock. `parent_step_id`: the step that waits for it."""

    run_id: UUID
    status: str
    round: int
    depth: int
    workflow_id: int
    parent_step_id: int | None


_LOCK = "SELECT clock_timestamp() AS now FROM orchestration_run WHERE id = %(run)s FOR NO KEY UPDATE"


def lock_run(run_id: UUID) -> datetime:
    """Lock a run's row until the transaction ends and return the database's time.

    Plans that grow share the row, so they wait, and so does everybody who orders something.
    """
    now: datetime = fetch_one(_LOCK, {"run": run_id}).now
    return now


def read_clock() -> datetime:
    """Return the database's time."""
    now: datetime = fetch_one("SELECT clock_timestamp() AS now", {}).now
    return now


_BELOW = """
WITH RECURSIVE links AS MATERIALIZED (
    SELECT c.id, p.run_id AS parent FROM orchestration_run c JOIN orchestration_step p ON p.id = c.parent_step_id
    WHERE c.root_id = (SELECT root_id FROM orchestration_run WHERE id = %(run)s)
), below AS (
    SELECT %(run)s::uuid AS id
    UNION SELECT l.id FROM below b JOIN links l ON l.parent = b.id
)
SELECT id FROM below
"""
_LOCK_RUNS = """
SELECT id, status, round, depth, workflow_id, parent_step_id FROM orchestration_run WHERE id = ANY(%(runs)s)
ORDER BY depth, id FOR NO KEY UPDATE
"""


def find_tree(run_id: UUID) -> list[UUID]:
    """Return a run and all runs below it, as they stand."""
    return [row.id for row in fetch_all(_BELOW, {"run": run_id})]


def lock_tree(run_id: UUID) -> list[TreeRun]:
    """Lock a run and all runs below it until the transaction ends, parents before children; the run is the first.

    Looked at again until no unlocked one is left: a child may have been born while its parent's lock was waited for.
    """
    locked: dict[UUID, TreeRun] = {}
    while new := [found for found in find_tree(run_id) if found not in locked]:
        locked |= {row.id: TreeRun(*row) for row in fetch_all(_LOCK_RUNS, {"runs": new})}
    return sorted(locked.values(), key=lambda run: (run.depth, run.run_id))
