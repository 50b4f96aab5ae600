"""failed or cancelled -> running: a run goes on from what was not done, in a new round, with the runs below it.

Steps that are done keep output and receipt, unless they were undone by a compensation. A step whose child run failed
waits for that run again, which goes into a new round of its own. What earlier generations left stays as history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import Fallen
from orchestration.domain.states import RunStatus
from orchestration.domain.words import BY_CHILD_RUN, COLLECTS, DONE_STEP, FINAL_STEP
from orchestration.errors import RunCompensating, RunNotFailed
from orchestration.history import EventKind, insert_event
from orchestration.transitions.release import start_ready
from orchestration.transitions.reset import Reset, await_children, find_grown_below, lock_steps, reset_steps
from orchestration.transitions.rework import Affected, lock_affected
from orchestration.transitions.stopping import go_on
from orchestration.transitions.tree import TreeRun, lock_tree
from orchestration.transitions.vocabulary import is_in_plan

RETRYABLE = (RunStatus.FAILED, RunStatus.CANCELLED)

# A step that failed after it grew could not put together what its children gave; those that are done stay done.
# Current ones only: planned, or still joined to the step that grew them.
_BROKEN = f"""
SELECT s.id, s.stage IN {COLLECTS} AND (s.status = 'cancelled' OR s.stage <> 'verdicts') AS keeps
FROM orchestration_step s
WHERE s.run_id = %(run)s AND s.status IN ('failed', 'cancelled') AND s.kind <> 'compensation'
  AND {is_in_plan("s")}
"""
_UNDONE = """
SELECT DISTINCT s.id FROM orchestration_step c JOIN orchestration_step s ON s.id = c.parent_id
JOIN orchestration_receipt done ON done.step_id = s.id AND done.digest = s.receipt_digest
JOIN orchestration_receipt undone ON undone.step_id = c.id AND undone.digest = c.receipt_digest
WHERE c.run_id = %(run)s AND c.kind = 'compensation' AND c.status = 'succeeded' AND s.status = 'succeeded'
  AND undone.id > done.id
"""
_CHILD_RUNS = f"""
SELECT c.id FROM orchestration_step s CROSS JOIN LATERAL (
    SELECT r.id, r.status FROM orchestration_run r WHERE r.parent_step_id = s.id
    ORDER BY r.parent_attempt DESC LIMIT 1) c
WHERE s.id = ANY(%(keep)s) AND s.stage IN {BY_CHILD_RUN} AND c.status IN ('failed', 'cancelled')
"""
_RENEW = f"""
WITH renewed AS (
    UPDATE orchestration_run
    SET status = 'running', round = round + 1, finished_at = NULL, reason = '', untold = false,
        deadline_at = clock_timestamp() + make_interval(secs => %(seconds)s::float8)
    WHERE id = %(run)s AND status IN ('failed', 'cancelled') RETURNING id, round
)
{insert_event(EventKind.RUN_RETRIED, source="renewed", data="%(event)s::text", of_run=True)} RETURNING id
"""
# A run that was cancelled when all was done has nothing to do but to end; who looks behind its last steps does that.
_MARK_END = f"""
UPDATE orchestration_step s SET unreleased = true
WHERE s.run_id = %(run)s AND s.status IN {DONE_STEP}
  AND NOT EXISTS (SELECT 1 FROM orchestration_edge e WHERE e.predecessor_id = s.id)
  AND NOT EXISTS (SELECT 1 FROM orchestration_step o WHERE o.run_id = s.run_id AND o.status NOT IN {FINAL_STEP})
RETURNING s.id
"""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a retry did: steps to be dispatched, and those whose first agents are to be put back."""

    available: list[int]
    fallen: list[Fallen]


def renew_tree(run_id: UUID, timeouts: Mapping[int, float | None], *, event_json: str) -> Renewed:
    """Move a failed or cancelled run into its next round, with the runs below it that its steps wait for.

    Args: timeouts: of a whole run, by workflow version.
    Raises: RunNotFailed: it is not failed or cancelled.  RunCompensating: one below it is not at its end yet. In both
        cases nothing was written.
    """
    available: list[int] = []
    fallen: list[Fallen] = []
    with transaction.atomic():
        tree = {run.run_id: run for run in lock_tree(run_id)}
        if tree[run_id].status not in RETRYABLE:
            raise RunNotFailed(
                f"run {run_id} is {tree[run_id].status}; only a failed or cancelled one is retried"
            )
        undoing = next((run for run in tree.values() if run.status == RunStatus.COMPENSATING), None)
        if undoing is not None:
            raise RunCompensating(f"run {undoing.run_id} below it still undoes what it did; wait for its end")
        waiting = [run_id]
        while waiting:
            run = tree[waiting.pop()]
            one, below = _renew_run(run, timeouts.get(run.workflow_id), event_json)
            waiting += below
            available += one.available
            fallen += one.fallen
    return Renewed(available, fallen)


def _renew_run(run: TreeRun, timeout_seconds: float | None, event_json: str) -> tuple[Renewed, list[UUID]]:
    """Renew one locked run; return with it the runs below it that are to be renewed too."""
    fetch_all(_RENEW, {"run": run.run_id, "seconds": timeout_seconds, "event": event_json})
    broken = fetch_all(_BROKEN, {"run": run.run_id})
    undone = [row.id for row in fetch_all(_UNDONE, {"run": run.run_id})]
    affected = lock_affected(undone) if undone else None
    steps, keep = _choose(broken, affected)
    lock_steps(steps)
    below = [row.id for row in fetch_all(_CHILD_RUNS, {"keep": keep})]
    reason, event = f"round {run.round + 1} begins", canonical({"round": run.round + 1})
    fallen = reset_steps(Reset(steps, keep, reason, event, is_new_round=True))
    stopped = go_on(keep)
    await_children(keep)
    started = start_ready(run_id=run.run_id)
    fetch_all(_MARK_END, {"run": run.run_id})
    return Renewed(started + stopped.available, fallen), below


def _choose(broken: list[Any], affected: Affected | None) -> tuple[list[int], list[int]]:
    """Return the steps that start afresh or wait again, and which of them keep their children."""
    again = set(affected.steps) if affected else set()
    steps = again | {row.id for row in broken}
    keep = {row.id for row in broken if row.keeps and row.id not in again}
    keep |= set(affected.collecting if affected else ())
    # What hangs below a step that starts afresh stays as history.
    gone = set(find_grown_below(steps - keep))
    return sorted(steps - gone), sorted(keep - gone)
