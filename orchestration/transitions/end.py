"""The endings of an attempt that leave the step undone: tried again, done by another, held, put aside, given up.

Each also breaks the chord the step may have been a header of: that chord can't fire any more, so the database
rings for the join.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from orchestration.awaited import AWAIT, READ
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_one
from orchestration.domain.holds import HoldSubject
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import UndoPlanner
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus, Stage, StepStatus
from orchestration.domain.waits import WaitsFor
from orchestration.domain.work import AttemptEnd, Claim, NextAgent
from orchestration.history import EventKind
from orchestration.ports import Hold, load_escalator
from orchestration.transitions.compensate import begin_compensation
from orchestration.transitions.ending import (
    ATTEMPT,
    BREAK_CHORD,
    DECISION,
    DETACH,
    FORGET_CHILDREN,
    Ending,
    Part,
    end_claim,
)
from orchestration.transitions.release import CLEAR_RUN
from orchestration.transitions.reset import cancel_open_steps
from orchestration.transitions.seal import close_run
from orchestration.transitions.tree import lock_run
from orchestration.transitions.vocabulary import ring

_UNDONE = (ATTEMPT, DECISION, BREAK_CHORD)
_RETRY = Ending(
    StepStatus.RUNNING, (StepStatus.RETRYABLE,), EventKind.STEP_RETRYABLE, parts=_UNDONE,
    sets="reason = g.why, due_at = g.due_at, failures = s.failures + 1",
)  # fmt: skip
_RETRY_UNCOUNTED = replace(_RETRY, sets="reason = g.why, due_at = g.due_at", statement="")
_FREE = Ending(
    StepStatus.RUNNING, (StepStatus.AVAILABLE,), EventKind.STEP_FREED, parts=_UNDONE,
    sets=f"reason = g.why, crashes = s.crashes + g.own_crash, queue = g.queue, {ring('s')}",
    columns={"own_crash": "integer", "queue": "text"},
)  # fmt: skip
# A step that spawned keeps what its agent said: its output is put together of that and of what the spawned steps gave.
_HOLD = Ending(
    StepStatus.RUNNING, (StepStatus.HELD,), EventKind.STEP_HELD, parts=_UNDONE,
    sets="reason = g.why, crashes = s.crashes + g.own_crash, "
    f"proposed_json = CASE WHEN s.stage = '{Stage.SPAWNED}' THEN s.proposed_json ELSE g.proposed END",
    columns={"own_crash": "integer", "proposed": "text"},
)  # fmt: skip
_FAIL = Ending(
    StepStatus.RUNNING, (StepStatus.FAILED,), EventKind.STEP_FAILED, parts=_UNDONE,
    sets="reason = g.why, finished_at = g.now",
)  # fmt: skip
_PUT_ASIDE = Ending(
    StepStatus.RUNNING, (StepStatus.AVAILABLE,), EventKind.STEP_WAITS, parts=_UNDONE,
    sets="reason = g.why, waits_for = g.waits_for, waits_on = g.waits_on",
    columns={"waits_for": "text", "waits_on": "text"},
)  # fmt: skip
_REVISE = Ending(
    StepStatus.RUNNING, (StepStatus.AVAILABLE,), EventKind.STEP_REVISED, parts=(*_UNDONE, *DETACH),
    sets="reason = g.why, feedback = g.feedback, revision = s.revision + 1, renewals = s.renewals + 1, failures = 0, "
    f"verdict_revisions = s.verdict_revisions + 1, {ring('s')}, {FORGET_CHILDREN}",
    columns={"feedback": "text"},
)  # fmt: skip
# The next agent starts without failures. Crashes count on, since the work may be their cause as well as the agent.
_FALL_BACK = Ending(
    StepStatus.RUNNING, (StepStatus.AVAILABLE,), EventKind.STEP_FELL_BACK, parts=(*_UNDONE, *DETACH),
    sets="reason = g.why, agent = g.agent, queue = g.queue, timeout_seconds = g.seconds, pools = g.pools, "
    f"fallbacks = s.fallbacks + 1, failures = 0, waits_for = '', {ring('s')}, {FORGET_CHILDREN}",
    columns={"agent": "text", "queue": "text", "seconds": "double precision", "pools": "jsonb"},
)  # fmt: skip


_READ = Part("read", READ, {"known": "text[]"})
_AWAIT = Part("awaited", AWAIT, {"waits": "text[]"})
_OF_JOURNAL = "s.id, s.run_id, s.attempt, s.renewals"
_SUSPEND = Ending(
    StepStatus.RUNNING, (StepStatus.WAITING,), EventKind.STEP_SUSPENDED, parts=(*_UNDONE, _READ, _AWAIT),
    returned=_OF_JOURNAL,
    sets=f"reason = '', stage = '{Stage.CALLS}'",
)  # fmt: skip
_HOLD_ASKING = replace(_HOLD, parts=(*_UNDONE, _AWAIT), returned=_OF_JOURNAL, statement="")
_STOP_AT_PAUSE = Ending(
    StepStatus.RUNNING, (StepStatus.AVAILABLE,), EventKind.STEP_SUSPENDED,
    parts=(*_UNDONE, _READ), returned=_OF_JOURNAL,
    sets=f"reason = g.why, {ring('s')}",
)  # fmt: skip


def retry_step(claim: Claim, end: AttemptEnd, *, is_counted: bool = True) -> None:
    """Move a running step to `retryable`, due at `end.due_at`.

    Args: is_counted: as a failure, of which a step may have so many.
    Raises: ClaimLost: nothing was written.
    """
    end_claim(_RETRY if is_counted else _RETRY_UNCOUNTED, claim, end)


def free_step(claim: Claim, end: AttemptEnd, *, queue: str, own_crash: bool) -> None:
    """Move a running step whose worker is gone to `available`; its message must be sent anew.

    Args: queue: where it goes on; a suspect of a crash goes to `isolated`.
        own_crash: the step was alone in the process that died.
    Raises: ClaimLost: the worker was quicker; nothing was written.
    """
    end_claim(_FREE, claim, end, queue=queue, own_crash=int(own_crash))


def hold_step(
    claim: Claim,
    end: AttemptEnd,
    hold: Hold,
    plan: object | None = None,
    *,
    own_crash: bool = False,
    waits: Sequence[str] = (),
) -> None:
    """Move a running step to `held` and open its ticket, in one transaction.

    Args: plan: what the room of tickets worked out before.  own_crash: its process died of it, once too often.
        waits: paths of the open calls that its agent waits for, where it was suspended.
    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        proposed = hold.seen_json if hold.has_proposal and hold.subject is HoldSubject.OUTPUT else None
        marks = {"proposed": proposed, "own_crash": int(own_crash)}
        if waits:
            end_claim(_HOLD_ASKING, claim, end, waits=list(waits), **marks)
        else:
            end_claim(_HOLD, claim, end, **marks)
        load_escalator(get_conf().ESCALATOR).open_ticket(hold, plan)


def suspend_step(claim: Claim, end: AttemptEnd, known: Sequence[str], waits: Sequence[str]) -> None:
    """Move a running step to `waiting` until one of its open calls is answered.

    Args: known: paths of the calls whose answers the attempt could have had.
        waits: paths of the open ones; none: it stopped at a call because its run is paused, and is available at once,
            for the resume.
    Raises: ClaimLost: nothing was written.
    """
    if waits:
        end_claim(_SUSPEND, claim, end, known=list(known), waits=list(waits))
    else:
        end_claim(_STOP_AT_PAUSE, claim, end, known=list(known))


def put_aside(claim: Claim, end: AttemptEnd, waits_for: WaitsFor, waits_on: str = "") -> None:
    """Move a running step whose agent was not called to `available`, not to be rung for; no try is counted.

    Args: waits_for: why not; `WAITS` of `domain/waits.py` says who wakes the step.  waits_on: the model whose breaker
        keeps it away; empty: its agent's.
    Raises: ClaimLost: nothing was written.
    """
    end_claim(_PUT_ASIDE, claim, end, waits_for=waits_for, waits_on=waits_on)


def revise_step(claim: Claim, end: AttemptEnd, feedback: str) -> None:
    """Move a running step whose verifiers failed its output to `available`, with their reasons as feedback.

    Its children stay as history; the next ones get keys of their own.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(_REVISE, claim, end, feedback=feedback)


def fall_back(claim: Claim, end: AttemptEnd, to: NextAgent) -> None:
    """Move a running step whose agent gave up to `available`, to be done by the next agent of its spec.

    Raises: ClaimLost: nothing was written.
    """
    event = canonical({"rule": end.rule, "from": claim.agent, "to": to.agent})
    terms = {"agent": to.agent, "queue": to.queue, "seconds": to.timeout_seconds, "pools": dict(to.pools)}
    end_claim(_FALL_BACK, claim, end, event=event, **terms)


def abort_by_step(claim: Claim, end: AttemptEnd, signer: Signer, plan: UndoPlanner) -> list[int]:
    """Move a running step to `failed` and its run with it.

    Returns: the first compensation, to be dispatched.
    Raises: ClaimLost: nothing was written.
    """
    with transaction.atomic():
        lock_run(claim.run.run_id)
        end_claim(_FAIL, claim, end)
        return abort_run(claim.run.run_id, end.reason, signer, plan)


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
