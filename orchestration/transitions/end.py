"""The endings of an attempt that leave the step undone: retry, hold, free, and the abort of the whole run.

Each also breaks the chord the step may have been a header of: that chord can't fire any more, so the database
rings for the join.
"""

from typing import Any
from uuid import UUID

from django.db import transaction

from orchestration.conf import get_conf
from orchestration.database.statements import BY_KEY, fetch_one
from orchestration.domain.rows import UndoPlanner
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus, Stage
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import ClaimLost
from orchestration.history import EventKind, insert_event
from orchestration.ports import Hold, load_escalator
from orchestration.transitions.compensate import begin_compensation
from orchestration.transitions.finish import END_ATTEMPT, INSERT_DECISION, end_parameters
from orchestration.transitions.release import CLEAR_RUN
from orchestration.transitions.reset import cancel_open_steps
from orchestration.transitions.seal import close_run
from orchestration.transitions.tree import lock_run


def ending_statement(kind: EventKind, change: str, more: str = "") -> str:
    """Return the statement that ends a running step's attempt and makes `change` to the step.

    Args: change: SET items; the step is `s`.  more: further CTEs, each with a comma before it; the step is `done`.
    """
    return f"""
WITH RECURSIVE done AS (
    UPDATE orchestration_step s
    SET token = NULL, process_id = NULL, reason = %(reason)s, {change}
    WHERE s.id = %(step)s AND s.status = 'running' {BY_KEY} AND s.token = %(token)s
    RETURNING s.id, s.run_id, s.attempt
), ended AS ({END_ATTEMPT}), decided AS ({INSERT_DECISION}
), broken AS (
    UPDATE orchestration_step j SET chord_intact = false
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
    WHERE j.id = e.successor_id AND j.chord_intact AND j.status IN ('pending', 'waiting')
), told AS (
    {insert_event(kind, source="done", data="%(event)s::text", at="%(now)s")}
){more}
SELECT id FROM done
"""


_RETRY = ending_statement(
    EventKind.STEP_RETRYABLE,
    "status = 'retryable', due_at = %(due_at)s::timestamptz, failures = s.failures + 1",
)
# What its agent had said before it spawned stays: it is half of what is still to be put together.
_HOLD = ending_statement(
    EventKind.STEP_HELD,
    "status = 'held', crashes = s.crashes + %(own_crash)s, "
    f"proposed_json = CASE WHEN s.stage = '{Stage.SPAWNED}' THEN s.proposed_json ELSE %(proposed)s END",
)
_FAIL = ending_statement(EventKind.STEP_FAILED, "status = 'failed', finished_at = %(now)s")
_FREE = ending_statement(
    EventKind.STEP_FREED,
    "status = 'available', crashes = s.crashes + %(own_crash)s, queue = %(queue)s, "
    "dispatches = s.dispatches + 1, dispatched_at = clock_timestamp()",
)


def retry_step(claim: Claim, end: AttemptEnd) -> None:
    """Move a running step to `retryable`, due at `end.due_at`.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(_RETRY, claim, end)


def free_step(claim: Claim, end: AttemptEnd, *, queue: str, own_crash: bool) -> None:
    """Move a running step whose worker is gone to `available`; its message must be sent anew.

    Args: queue: where it goes on; a suspect of a crash goes to `isolated`.
        own_crash: the step was alone in the process that died.
    Raises: ClaimLost: the worker was quicker; nothing was written.
    """
    end_claim(_FREE, claim, end, queue=queue, own_crash=int(own_crash))


def hold_step(claim: Claim, end: AttemptEnd, hold: Hold, *, own_crash: bool = False) -> None:
    """Move a running step to `held` and open its ticket, in one transaction.

    Args: own_crash: its process died of it, once too often.
    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        proposed = hold.seen_json if hold.has_proposal else None
        end_claim(_HOLD, claim, end, proposed=proposed, own_crash=int(own_crash))
        load_escalator(get_conf().ESCALATOR).open_ticket(hold)


def abort_by_step(claim: Claim, end: AttemptEnd, signer: Signer, plan: UndoPlanner) -> list[int]:
    """Move a running step to `failed` and its run with it.

    Returns: the first compensation, to be dispatched.
    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        lock_run(claim.run.run_id)
        end_claim(_FAIL, claim, end)
        return abort_run(claim.run.run_id, end.reason, signer, plan)


def end_claim(statement: str, claim: Claim, end: AttemptEnd, **more: object) -> None:
    """Run an ending statement under the claim's token.

    Args: more: further parameters; `event` replaces the line's own.
    Raises: ClaimLost: nothing was written.
    """
    parameters: dict[str, Any] = end_parameters(end) | {"event": f'{{"rule":"{end.rule}"}}'} | more
    parameters |= {"step": claim.step_id, "token": claim.token, "attempt_id": claim.attempt_id}
    if fetch_one(statement, parameters) is None:
        raise ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")


def abort_run(run_id: UUID, reason: str, signer: Signer, plan: UndoPlanner) -> list[int]:
    """Fail a run: every open step is cancelled, their tickets withdrawn; what was done is undone; it is sealed.

    The caller holds the run's lock and has moved the failing step. A body in flight is not stopped; its write
    is refused by its token. A run that is compensating already is given up: what was not undone stays.

    Returns: the first compensation, to be dispatched after the commit; none when there is nothing to undo.
    """
    cancel_open_steps(run_id, "the run was aborted")
    fetch_one(CLEAR_RUN, {"run": run_id})
    begun = begin_compensation(run_id, reason, plan)
    if begun is None:
        close_run(run_id, RunStatus.FAILED, signer, reason)
    return begun or []
