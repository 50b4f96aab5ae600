"""The endings of an attempt that leave the step undone: retry, hold, free, and the abort of the whole run.

Each also breaks the chord the step may have been a header of: that chord can't fire any more, so the database
rings for the join.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestration.conf import get_conf
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost
from orchestration.history import EventKind, insert_event
from orchestration.ports import Hold, load_escalator
from orchestration.transitions.finish import END_ATTEMPT, INSERT_DECISION, AttemptEnd, end_parameters
from orchestration.transitions.release import CLEAR_RUN, close_run
from orchestration.transitions.statements import BY_KEY, fetch_all, fetch_one


def _ending(kind: EventKind, change: str) -> str:
    """Return the statement that ends a running step's attempt and makes `change` to the step."""
    return f"""
WITH done AS (
    UPDATE orchestration_step s
    SET token = NULL, process_id = NULL, reason = %(reason)s, {change}
    WHERE s.id = %(step)s AND s.status = 'running' {BY_KEY} AND s.token = %(token)s
    RETURNING s.id, s.run_id, s.attempt
), ended AS ({END_ATTEMPT}), decided AS ({INSERT_DECISION}
), broken AS (
    UPDATE orchestration_step j SET chord_intact = false
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
    WHERE j.id = e.successor_id AND j.chord_intact AND j.status = 'pending'
), told AS (
    {insert_event(kind, source="done", data="%(event)s::text", at="%(now)s")}
)
SELECT id FROM done
"""


_RETRY = _ending(
    EventKind.STEP_RETRYABLE,
    "status = 'retryable', due_at = %(due_at)s::timestamptz, failures = s.failures + 1",
)
_HOLD = _ending(
    EventKind.STEP_HELD, "status = 'held', proposed_json = %(proposed)s, crashes = s.crashes + %(own_crash)s"
)
_FAIL = _ending(EventKind.STEP_FAILED, "status = 'failed', finished_at = %(now)s")
_FREE = _ending(
    EventKind.STEP_FREED,
    "status = 'available', crashes = s.crashes + %(own_crash)s, queue = %(queue)s, "
    "dispatches = s.dispatches + 1, dispatched_at = clock_timestamp()",
)


def retry_step(claim: Claim, end: AttemptEnd) -> None:
    """Move a running step to `retryable`, due at `end.due_at`.

    Raises: ClaimLost: nothing was written.
    """
    _end(_RETRY, claim, end)


def free_step(claim: Claim, end: AttemptEnd, *, queue: str, own_crash: bool) -> None:
    """Move a running step whose worker is gone to `available`; its message must be sent anew.

    Args: queue: where it goes on; a suspect of a crash goes to `isolated`.
        own_crash: the step was alone in the process that died.
    Raises: ClaimLost: the worker was quicker; nothing was written.
    """
    _end(_FREE, claim, end, queue=queue, own_crash=int(own_crash))


def hold_step(claim: Claim, end: AttemptEnd, hold: Hold, *, own_crash: bool = False) -> None:
    """Move a running step to `held` and open its ticket, in one transaction.

    Args: own_crash: its process died of it, once too often.
    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        proposed = hold.seen_json if hold.has_proposal else None
        _end(_HOLD, claim, end, proposed=proposed, own_crash=int(own_crash))
        load_escalator(get_conf().ESCALATOR).open_ticket(hold)


def abort_by_step(claim: Claim, end: AttemptEnd, signer: Signer) -> None:
    """Move a running step to `failed` and its run with it.

    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        lock_run(claim.run.run_id)
        _end(_FAIL, claim, end)
        abort_run(claim.run.run_id, end.reason, signer)


def _end(statement: str, claim: Claim, end: AttemptEnd, **more: object) -> None:
    parameters: dict[str, Any] = end_parameters(end) | more
    parameters |= {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "event": f'{{"rule":"{end.rule}"}}',
    }
    if fetch_one(statement, parameters) is None:
        raise ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")


def lock_run(run_id: UUID) -> datetime:
    """Lock a run's row until the transaction ends and return the database's time after the wait."""
    row = fetch_one(
        "SELECT clock_timestamp() AS now FROM orchestration_run WHERE id = %(run)s FOR UPDATE",
        {"run": run_id},
    )
    now: datetime = row.now
    return now


_CANCEL_OPEN = f"""
WITH cancelled AS (
    UPDATE orchestration_step SET status = 'cancelled', token = NULL, process_id = NULL, due_at = NULL,
        finished_at = clock_timestamp(), reason = %(reason)s
    WHERE id IN (SELECT id FROM orchestration_step WHERE run_id = %(run)s
                 AND status NOT IN ('succeeded', 'skipped', 'failed', 'cancelled') ORDER BY id FOR UPDATE)
    RETURNING id, run_id, attempt
), told AS (
    {insert_event(EventKind.STEP_CANCELLED, source="cancelled", data="'{{}}'")}
)
SELECT id FROM cancelled
""".replace("{{}}", "{}")
# A statement of its own: the one above may have waited for a claim, whose attempt is younger than its snapshot.
_WITHDRAW = """
UPDATE orchestration_attempt SET outcome = 'withdrawn', finished_at = clock_timestamp()
WHERE step_id = ANY(%(steps)s) AND outcome IS NULL RETURNING id
"""


def abort_run(run_id: UUID, reason: str, signer: Signer) -> None:
    """Fail a run: every open step is cancelled, their tickets withdrawn, the round sealed.

    The caller holds the run's lock and has moved the failing step. A body in flight is not stopped; its write
    is refused by its token.
    """
    cancelled = [row.id for row in fetch_all(_CANCEL_OPEN, {"run": run_id, "reason": "the run was aborted"})]
    fetch_all(_WITHDRAW, {"steps": cancelled})
    load_escalator(get_conf().ESCALATOR).withdraw_tickets(cancelled, "the run was aborted")
    fetch_one(CLEAR_RUN, {"run": run_id})
    close_run(run_id, RunStatus.FAILED, signer, reason)
