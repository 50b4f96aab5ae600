"""A run and the runs below it: found, locked from the top down, and healed where an order broke off half-way.

Nobody locks a parent while holding its child. A run is born under its parent's lock (`expand.py` shares it), so
whoever has locked a run sees all that it will ever have started, but for what it starts after being let go.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.transitions.vocabulary import FINAL_STEP, LIVE


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


# Nobody waits for it any more: what waited is over, or was sent back, or has started another since.
_IS_ORPHAN = f"""
    (r.status NOT IN {LIVE} OR p.status IN {FINAL_STEP} OR p.stage <> 'child_run'
     OR EXISTS (SELECT 1 FROM orchestration_run n
                WHERE n.parent_step_id = p.id AND n.parent_attempt > c.parent_attempt))
"""
# One whose run above was aborted is aborted too, so that it may undo what it did; that it does is left alone.
_ORPHANS = f"""
SELECT c.id, r.status IN ('failed', 'compensating') AS aborts
FROM orchestration_run c JOIN orchestration_step p ON p.id = c.parent_step_id
JOIN orchestration_run r ON r.id = p.run_id
WHERE c.status IN {LIVE} AND {_IS_ORPHAN} AND (%(only)s::uuid IS NULL OR c.id = %(only)s)
  AND NOT (c.status = 'compensating' AND r.status IN ('failed', 'compensating'))
  AND (%(root)s::uuid IS NULL OR c.root_id = %(root)s)
ORDER BY c.depth, c.id LIMIT %(limit)s
"""
_STRAY = f"""
SELECT c.id FROM orchestration_run c JOIN orchestration_step p ON p.id = c.parent_step_id
JOIN orchestration_run r ON r.id = p.run_id
WHERE c.status = 'running' AND r.status = 'paused' AND NOT {_IS_ORPHAN}
  AND (%(only)s::uuid IS NULL OR c.id = %(only)s)
ORDER BY c.depth, c.id LIMIT %(limit)s
"""


def find_orphans(limit: int, root_id: UUID | None = None) -> list[UUID]:
    """Return live runs that nobody waits for any more, of one tree or of all, those nearest the top first."""
    return [row.id for row in fetch_all(_ORPHANS, {"limit": limit, "root": root_id, "only": None})]


class Fate(StrEnum):
    """How an orphan ends."""

    CANCEL = "cancel"
    ABORT = "abort"


def find_fate(run_id: UUID) -> Fate | None:
    """Return how a live run that nobody waits for is to end; None: somebody does. Asked again once it is locked."""
    row = fetch_one(_ORPHANS, {"limit": 1, "root": None, "only": run_id})
    if row is None:
        return None
    return Fate.ABORT if row.aborts else Fate.CANCEL


def find_unpaused(limit: int) -> list[UUID]:
    """Return runs that go on although the run above them is paused."""
    return [row.id for row in fetch_all(_STRAY, {"limit": limit, "only": None})]


def is_stray(run_id: UUID) -> bool:
    """Return whether a run goes on under a paused one; asked again once it is locked."""
    return bool(fetch_all(_STRAY, {"limit": 1, "only": run_id}))
