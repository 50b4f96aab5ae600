"""running or paused -> compensating: what an aborted run had done is undone, one step after the other, latest first.

The compensations are steps of the run, each the child of the step it undoes and each behind the one before it. The
last to be done closes the run as failed (`release.py`); one that fails is held, and the run waits for its person.
"""

import json
from uuid import UUID

from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import DoneStep, UndoPlanner
from orchestration.history import EventKind

# Current ones only: what was superseded by a later revision is not undone again. `stage`: what it grew is undone
# itself, so the step that only collected it is not. What a fork took over came before all that it did itself.
_DONE = """
SELECT s.id, s.key, s.kind, s.revision, s.spec_key, s.spec_json, s.agent, s.stage, r.round, r.workflow_id,
    w.digest AS workflow_digest
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
JOIN orchestration_workflow w ON w.id = r.workflow_id
JOIN orchestration_receipt c ON c.step_id = s.id AND c.digest = s.receipt_digest
WHERE s.run_id = %(run)s AND r.status IN ('running', 'paused') AND s.status = 'succeeded'
  AND (s.kind = 'planned' OR (s.kind IN ('item', 'spawned') AND EXISTS (
      SELECT 1 FROM orchestration_edge o WHERE o.predecessor_id = s.id AND o.is_child)))
ORDER BY c.kind = 'reuse', CASE WHEN c.kind <> 'reuse' THEN c.id END DESC, s.position DESC
"""
_BEGIN = f"""
WITH moved AS (
    UPDATE orchestration_run SET status = 'compensating', reason = %(reason)s
    WHERE id = %(run)s AND status IN ('running', 'paused') RETURNING id
), undo AS (
    SELECT * FROM unnest(%(steps)s::bigint[], %(keys)s::text[], %(agents)s::text[], %(queues)s::text[],
        %(seconds)s::float8[], %(pools)s::text[]) WITH ORDINALITY AS u(step, key, agent, queue, seconds, pools, n)
), grown AS (
    INSERT INTO orchestration_step (run_id, parent_id, position, key, kind, depth, index, item_json, spec_key,
        spec_json, agent, queue, timeout_seconds, gated, pools, predecessor_count, status, attempt, failures, crashes,
        revision, feedback, dispatches, dispatched_at, waits_for, unreleased, chord_intact, skip_reason, reason)
    SELECT m.id, p.id, top.position + u.n, u.key, 'compensation', p.depth + 1, u.n - 1, p.output_json,
        p.spec_key, p.spec_json, u.agent, u.queue, u.seconds, false, u.pools::jsonb,
        CASE WHEN u.n = 1 THEN 0 ELSE 1 END, CASE WHEN u.n = 1 THEN 'available' ELSE 'pending' END, 0, 0, 0, 0, '',
        CASE WHEN u.n = 1 THEN 1 ELSE 0 END, CASE WHEN u.n = 1 THEN clock_timestamp() END,
        '', false, false, '', ''
    FROM moved m, undo u JOIN orchestration_step p ON p.id = u.step,
        (SELECT max(position) AS position FROM orchestration_step WHERE run_id = %(run)s) top
    ORDER BY u.n
    RETURNING id, run_id, index, status
), joined AS (
    INSERT INTO orchestration_edge (run_id, predecessor_id, successor_id, carries_data, is_optional, is_child)
    SELECT run_id, id, next, false, false, false
    FROM (SELECT run_id, id, lead(id) OVER (ORDER BY index) AS next FROM grown) chain WHERE next IS NOT NULL
), told AS (
    INSERT INTO orchestration_event (run_id, kind, data_json, at)
    SELECT id, '{EventKind.RUN_COMPENSATING}', %(event)s, clock_timestamp() FROM moved
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
        "steps": [one.step_id for one in undo],
        "keys": [one.key for one in undo],
        "agents": [one.agent for one in undo],
        "queues": [one.queue for one in undo],
        "seconds": [one.timeout_seconds for one in undo],
        "pools": [json.dumps(dict(one.pools)) for one in undo],
    }
    return [row.id for row in fetch_all(_BEGIN, parameters)]
