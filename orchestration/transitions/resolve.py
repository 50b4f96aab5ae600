"""held -> succeeded, skipped, available or failed: what a person chose for a step.

The caller (the ticket's own writer) holds run and step, has closed the ticket in the same transaction, and
dispatches after commit.
"""

from typing import Any

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.anew import Anew, foresee_anew
from orchestration.domain.rows import UndoPlanner
from orchestration.domain.signing import Signer
from orchestration.domain.states import Stage, StepStatus
from orchestration.domain.work import FinalOutput, HeldStep
from orchestration.errors import StepNotHeld
from orchestration.history import EventKind, insert_event
from orchestration.transitions.end import abort_run
from orchestration.transitions.finish import INSERT_RECEIPT, LOOK_BEHIND
from orchestration.transitions.revise import DETACH_CHILDREN, FORGET_CHILDREN
from orchestration.transitions.stopping import go_on

# A step never changes its run, so the run is found and locked in one statement.
_LOCK_ITS_RUN = """
SELECT id FROM orchestration_run WHERE id = (SELECT run_id FROM orchestration_step WHERE id = %(step)s)
FOR NO KEY UPDATE
"""
_LOCK_HELD = """
SELECT s.id AS step_id, s.run_id, s.key, r.round, s.revision, s.attempt, s.feedback, s.stage,
       CASE WHEN s.stage <> 'spawned' THEN s.proposed_json END AS proposed_json, w.digest AS spec_digest,
       r.requested_by_id, clock_timestamp() AS now
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
JOIN orchestration_workflow w ON w.id = r.workflow_id
WHERE s.id = %(step)s AND s.status = 'held' AND r.status IN ('running', 'paused', 'compensating') FOR UPDATE OF s
"""


def lock_held_step(step_id: int) -> HeldStep:
    """Lock the run, then the step, until the transaction ends. What it returns is what is written by: read once.

    Raises: StepNotHeld: the step does not wait for a person, or its run has ended.
    """
    fetch_one(_LOCK_ITS_RUN, {"step": step_id})
    row = fetch_one(_LOCK_HELD, {"step": step_id})
    if row is None:
        raise StepNotHeld(f"step {step_id} is not held; reload its ticket to see what was decided")
    return HeldStep(*row._replace(stage=Stage(row.stage)))


_SETTLE = f"""
WITH done AS (
    UPDATE orchestration_step s
    SET status = %(status)s, finished_at = %(now)s, output_json = %(output)s,
        output_digest = %(digest)s, output_tokens = %(tokens)s, receipt_digest = %(receipt_digest)s,
        skip_reason = %(skip_reason)s, reason = %(reason)s, accepted_by = 'person', unreleased = {LOOK_BEHIND}
    WHERE s.id = %(step)s AND s.status = 'held' RETURNING s.id, s.run_id, s.attempt, s.unreleased
), proved AS ({INSERT_RECEIPT}
), freed AS (
    UPDATE orchestration_step n
    SET status = 'available', dispatches = n.dispatches + 1, dispatched_at = clock_timestamp()
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
    WHERE n.id = e.successor_id AND n.predecessor_count = 1 AND n.status IN ('pending', 'waiting') RETURNING n.id
), told AS (
    {insert_event(EventKind.STEP_RESOLVED, source="done", data="%(event)s::text", at="%(now)s")}
)
SELECT d.unreleased AS look_behind, f.id FROM done d LEFT JOIN freed f ON true
"""


def settle_held_step(
    held: HeldStep, final: FinalOutput, *, reason: str, event_json: str
) -> tuple[list[int], bool]:
    """Move a held step to `succeeded` or `skipped`.

    Returns: steps that became available, and whether to look behind after the commit.
    """
    parameters = _base(held, reason, event_json) | {
        "status": final.status,
        "output": final.output_json,
        "digest": final.digest,
        "tokens": final.tokens,
        "skip_reason": final.skip_reason,
        "receipt_kind": final.receipt_kind,
        "receipt_digest": final.receipt_digest,
        "receipt": final.receipt_json,
        "round": held.round,
        "revision": held.revision,
    }
    rows = fetch_all(_SETTLE, parameters)
    if not rows:
        raise StepNotHeld(f"step {held.step_id} is not held")
    return [row.id for row in rows if row.id is not None], rows[0].look_behind


def _moving(change: str, more: str = "") -> str:
    return f"""
WITH RECURSIVE done AS (
    UPDATE orchestration_step s SET reason = %(reason)s, {change}
    WHERE s.id = %(step)s AND s.status = 'held' RETURNING s.id, s.run_id, s.attempt
), told AS (
    {insert_event(EventKind.STEP_RESOLVED, source="done", data="%(event)s::text", at="%(now)s")}
){more}
SELECT id FROM done
"""


# What it had grown is all over, or it would not be held; it stays as history, and the step does its own work anew.
_SEND_BACK = _moving(
    "status = 'available', feedback = %(feedback)s, revision = s.revision + 1, failures = 0, crashes = 0, "
    "renewals = s.renewals + %(renewals)s, "
    f"dispatches = s.dispatches + 1, dispatched_at = clock_timestamp(), {FORGET_CHILDREN}",
    more=DETACH_CHILDREN,
)
_COLLECT_AGAIN = _moving(
    "status = 'available', failures = 0, crashes = 0, dispatches = s.dispatches + 1, "
    "dispatched_at = clock_timestamp()"
)
_WAIT_AGAIN = _moving("status = 'waiting', failures = 0, crashes = 0")
_FAIL_HELD = _moving(f"status = '{StepStatus.FAILED}', finished_at = %(now)s")


def send_back_held_step(held: HeldStep, feedback: str, *, event_json: str) -> list[int]:
    """Move a held step to `available`; it runs again with the feedback, as a new revision.

    What a step grew and could not put together stays done: that step only collects it again, after what was stopped
    because of that limit.

    Returns: what is to be dispatched after the commit.
    """
    parameters = _base(held, "", event_json)
    anew = foresee_anew(held.stage, has_proposal=held.proposed_json is not None)
    if anew is Anew.COLLECTS:
        gone_on = go_on([held.step_id])
        _move(_WAIT_AGAIN if gone_on.steps else _COLLECT_AGAIN, held, parameters)
        return gone_on.available if gone_on.steps else [held.step_id]
    renewals = int(anew is Anew.NEW_KEY)
    _move(_SEND_BACK, held, parameters | {"feedback": feedback, "renewals": renewals})
    return [held.step_id]


def abort_by_person(
    held: HeldStep, reason: str, signer: Signer, plan: UndoPlanner, *, event_json: str
) -> list[int]:
    """Move a held step to `failed` and its run with it; return the first compensation, to be dispatched."""
    _move(_FAIL_HELD, held, _base(held, reason, event_json))
    return abort_run(held.run_id, reason, signer, plan)


def _move(statement: str, held: HeldStep, parameters: dict[str, Any]) -> None:
    if fetch_one(statement, parameters) is None:
        raise StepNotHeld(f"step {held.step_id} is not held")


def _base(held: HeldStep, reason: str, event_json: str) -> dict[str, Any]:
    return {"step": held.step_id, "now": held.now, "reason": reason, "event": event_json}
