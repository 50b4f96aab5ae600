"""running or paused -> compensating: what an aborted run had done is undone, one step after the other, latest first.

The compensations are steps of the run, each the child of the step it undoes and each behind the one before it. The
last to be done closes the run as failed (`release.py`); one that fails is held, and the run waits for its person.
"""

from typing import Any
from uuid import UUID

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import DoneStep, Undo, UndoPlanner
from orchestration.domain.states import StepKind
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import (
    NEW_STEP,
    insert_edges,
    insert_steps,
    is_in_plan,
    next_position,
)

# Current ones only: what was superseded by a later revision is not undone again. `stage`: what it grew is undone
# itself, so the step that only collected it is not. What a fork took over came before all that it did itself.
_DONE = f"""
SELECT s.id, s.key, s.kind, s.revision, s.spec_key, s.spec_json, s.agent, s.stage, r.round, r.workflow_id,
    w.digest AS workflow_digest
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
JOIN orchestration_workflow w ON w.id = r.workflow_id
JOIN orchestration_receipt c ON c.step_id = s.id AND c.digest = s.receipt_digest
WHERE s.run_id = %(run)s AND r.status IN ('running', 'paused') AND s.status = 'succeeded'
  AND s.kind IN ('planned', 'item', 'spawned') AND {is_in_plan("s")}
ORDER BY c.kind = 'reuse', CASE WHEN c.kind <> 'reuse' THEN c.id END DESC, s.position DESC
"""
_UNDO = insert_steps(
    f"""moved m, {read_lines("undo", NEW_STEP | {"step": "bigint"}, "p")}
        JOIN orchestration_step t ON t.id = p.step,
        {next_position("%(run)s")} top""",
    run="m.id",
    before="least(p.n, 1)",
    first="top.position",
    parent_id="t.id",
    depth="t.depth + 1",
    item_json="t.output_json",
    spec_key="t.spec_key",
    spec_json="t.spec_json",
)
_IN_A_ROW = insert_edges("""
    SELECT run_id, id, next, false, false, false
    FROM (SELECT run_id, id, lead(id) OVER (ORDER BY index) AS next FROM grown) row WHERE next IS NOT NULL""")
_BEGIN = f"""
WITH moved AS (
    UPDATE orchestration_run SET status = 'compensating', reason = %(reason)s
    WHERE id = %(run)s AND status IN ('running', 'paused') RETURNING id
), grown AS ({_UNDO} RETURNING id, run_id, index, status
), joined AS ({_IN_A_ROW}
), told AS (
    {insert_event(EventKind.RUN_COMPENSATING, source="moved", data="%(event)s::text", of_run=True)}
)
SELECT id FROM grown WHERE status = 'available'
"""


def find_done_steps(run_id: UUID) -> list[DoneStep]:
    """Return the steps of a live run that an abort may have to undo, the latest first."""
    return [DoneStep(*row) for row in fetch_all(_DONE, {"run": run_id})]


def begin_compensation(run_id: UUID, reason: str, plan: UndoPlanner) -> list[int] | None:
    """Move a run to `compensating` and write the steps that undo what it did.

    The caller holds the run's row and has cancelled what was open.

    Returns: the first of them, to be dispatched after the commit; None when there is nothing to undo, or the run is
        compensating already.
    """
    undo = plan(find_done_steps(run_id))
    if not undo:
        return None
    parameters = {
        "run": run_id,
        "reason": reason,
        "event": canonical({"reason": reason, "steps": len(undo)}),
        "undo": dump_line([_describe(place, one) for place, one in enumerate(undo)]),
    }
    return [row.id for row in fetch_all(_BEGIN, parameters)]


def _describe(place: int, undo: Undo) -> dict[str, Any]:
    return {
        "n": place,
        "step": undo.step_id,
        "key": undo.key,
        "kind": StepKind.COMPENSATION,
        "index": place,
        "agent": undo.agent,
        "queue": undo.queue,
        "timeout_seconds": undo.timeout_seconds,
        "gated": False,
        "pools": dict(undo.pools),
    }
