"""From an outcome to rows: the policy decides, one guarded write records it.

Used by the executor for its own attempts and by the maintainer for those whose worker can't speak any more.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from random import random
from typing import TypeVar, cast

import structlog
from django.db import connection, transaction

from agents.domain.classification import describe_error, describe_fault
from agents.domain.interruption import is_order_to_end
from agents.domain.invocation import Answered, Failed, FailureKind, SentBack
from orchestration.conf import get_conf, get_signer
from orchestration.database.insistence import insist, write_or_read
from orchestration.domain.plan import ChildRun, Collected, Growth
from orchestration.domain.policy import Decision, Ending, OutOfTime, Situation, decide
from orchestration.domain.receipts import HandoffLine
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind
from orchestration.domain.work import AttemptEnd, Claim, FinalOutput, Finished, NextAgent, RunOn
from orchestration.errors import ClaimLost
from orchestration.executor.admission import look_at_wait, tell_breaker
from orchestration.executor.bounds import stop_beyond_limit
from orchestration.executor.children import start_child
from orchestration.executor.deadlines import count_seconds_left
from orchestration.executor.ending import describe_end, describe_hold
from orchestration.executor.grow import check_spawner, spawn
from orchestration.executor.patience import is_lasting
from orchestration.executor.proof import prove
from orchestration.executor.rework import find_rework_fault, send_back
from orchestration.executor.together import finish_together
from orchestration.outages import is_away
from orchestration.planning import find_terms, plan_undo, plan_verifiers
from orchestration.selectors.trees import find_grown
from orchestration.transitions.deadline import put_aside
from orchestration.transitions.end import abort_by_step, free_step, hold_step, retry_step
from orchestration.transitions.expand import expand_step
from orchestration.transitions.fallback import fall_back
from orchestration.transitions.finish import reread_end
from orchestration.transitions.revise import revise_step
from orchestration.transitions.waiting import wait_step

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was decided and written.

    Attributes: finished: None when the step stays undone.  started: steps that can be performed now because this one
        grew them, or goes on itself.
    """

    decision: Decision
    finished: Finished | None
    started: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Crash:
    """How a dead worker's step goes on: on which queue, and whether the crash was its own."""

    queue: str
    is_own: bool


def conclude_surely(
    claim: Claim,
    spec: StepSpec,
    outcome: Ending,
    received: tuple[HandoffLine, ...] = (),
    *,
    run_on: RunOn | None = None,
    crash: Crash | None = None,
) -> Conclusion:
    """Conclude an attempt; where that itself fails, end it plainly: held for a person, with the true cause.

    Without it a step whose outcome can't be written would be left to its deadline, and tried again for nothing.

    Args: as of `conclude`.
    Raises: ClaimLost: the claim passed on.  django.db.Error: a lasting outage. In both cases nothing was written.
    """
    try:
        with _savepoint():
            return conclude(claim, spec, outcome, received, run_on=run_on, crash=crash)
    except BaseException as error:
        if is_beyond_the_attempt(error):
            raise
        fault = describe_fault(error, claim.agent, "what came of it could not be written")
        log.error("conclusion_failed", step=claim.step_id, error=fault.error_class, why=fault.message)
    try:
        with _savepoint():
            return conclude_fault(claim, spec, fault)
    except BaseException as error:
        if is_beyond_the_attempt(error):
            raise
        log.error("fault_not_told", step=claim.step_id, error=describe_fault(error, claim.agent, "").message)
    bare = "what came of it could not be written, nor could why; the worker's log has it"
    with _savepoint():
        return conclude_fault(claim, spec, replace(fault, error_class="", message=bare, traceback_tail=""))


def is_beyond_the_attempt(error: BaseException) -> bool:
    """Return whether an error is none of the attempt's own: its claim is lost, the database away, the process ends."""
    return issubclass(type(error), ClaimLost) or is_away(error) or is_order_to_end(error)


def conclude_fault(claim: Claim, spec: StepSpec, fault: Failed) -> Conclusion:
    """End an attempt at which the engine itself failed, by as little as a hold needs.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    tell_breaker(claim, fault)
    conf = get_conf()
    situation = Situation(
        claim.failures, claim.crashes, conf.CRASH_LIMIT, conf.DEFAULT_MIN_CONFIDENCE, jitter=0
    )
    decision = decide(fault, spec, situation)
    judged = _Judgement(fault, decision, describe_end(claim, fault, fault, decision, situation))
    return Conclusion(decision, None, _leave_undone(claim, judged, None))


def _savepoint() -> AbstractContextManager[None]:
    """Keep a transaction of the caller's usable when a conclusion fails in it."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def conclude(
    claim: Claim,
    spec: StepSpec,
    outcome: Ending,
    received: tuple[HandoffLine, ...] = (),
    *,
    run_on: RunOn | None = None,
    crash: Crash | None = None,
) -> Conclusion:
    """Decide on an attempt's outcome and write the decision with all that follows from it.

    The write is tried again while the database is away and the claim is ours: a finished body is not stranded.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    tell_breaker(claim, outcome, is_suspect=crash is not None and not crash.is_own)
    judged = _judge(claim, spec, outcome, crash)
    decision, end = judged.decision, judged.end
    match decision.kind:
        case DecisionKind.ACCEPT | DecisionKind.SKIP:
            final = prove(claim, judged.outcome, end, received)
            finished = _finish(claim, end, final, run_on)
            stop_beyond_limit(claim, final.output_json)
            return Conclusion(decision, finished)
        case DecisionKind.WAIT:
            return Conclusion(decision, None, _wait(claim, end, judged.outcome))
        case DecisionKind.REVISE:
            _persist(claim, end, lambda: revise_step(claim, end, decision.reason))
            return Conclusion(decision, None, (claim.step_id,))
        case DecisionKind.FALLBACK:
            following = _choose_next(decision.agent, spec)
            _persist(claim, end, lambda: fall_back(claim, end, following))
            return Conclusion(decision, None, (claim.step_id,))
        case DecisionKind.REWORK:
            return Conclusion(decision, None, _send_back(claim, end, cast("SentBack", outcome)))
        case _:
            return Conclusion(decision, None, _leave_undone(claim, judged, crash))


def _finish(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None) -> Finished | None:
    """Write the finish, without running on if that is what fails: no message may cost a finished body its record."""
    try:
        return _persist(claim, end, lambda: finish_together(claim, end, final, run_on), run_on)
    except Exception as error:
        if run_on is None or is_beyond_the_attempt(error):
            raise
        log.warning(
            "run_on_failed",
            step=claim.step_id,
            error=describe_error(error),
            next="the step is finished without it",
        )
        return _persist(claim, end, lambda: finish_together(claim, end, final))


def _leave_undone(claim: Claim, judged: "_Judgement", crash: Crash | None) -> tuple[int, ...]:
    """Write an ending after which the step waits: for its next try, for a person, or for nothing any more.

    Returns: what an aborted run does first to undo what it did.
    """
    end = judged.end
    match judged.decision.kind:
        case DecisionKind.RETRY if crash is not None:
            _persist(claim, end, lambda: free_step(claim, end, queue=crash.queue, own_crash=crash.is_own))
        case DecisionKind.RETRY:
            _persist(claim, end, lambda: retry_step(claim, end))
        case DecisionKind.ESCALATE:
            hold = describe_hold(claim, judged.outcome, judged.decision)
            own_crash = crash is not None and crash.is_own
            _persist(claim, end, lambda: hold_step(claim, end, hold, own_crash=own_crash))
        case DecisionKind.ABORT:
            return _abort(claim, end)
        case other:
            raise AssertionError(f"no ending for the decision {other}")
    return ()


def _abort(claim: Claim, end: AttemptEnd) -> tuple[int, ...]:
    begun: list[int] = []
    _persist(claim, end, lambda: begun.extend(abort_by_step(claim, end, get_signer(), plan_undo)))
    return tuple(begun)  # nothing when a lost answer was read again: the maintainer rings then


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What is decided, and on what: an accepted answer may turn out to grow first, or to be wrong."""

    outcome: Ending
    decision: Decision
    end: AttemptEnd


def _judge(claim: Claim, spec: StepSpec, outcome: Ending, crash: Crash | None) -> _Judgement:
    if isinstance(outcome, Answered) and outcome.spawn is not None:
        outcome = check_spawner(outcome)
    situation = _situate(claim, spec, outcome, crash)
    ended_as = outcome
    decision = decide(outcome, spec, situation)
    if decision.kind is DecisionKind.ACCEPT and isinstance(outcome, Answered) and outcome.spawn is not None:
        ended_as = spawn(claim, outcome)
        decision = decide(ended_as, spec, situation)
    if decision.kind is DecisionKind.ACCEPT and claim.gated and isinstance(ended_as, Answered | Collected):
        ended_as = plan_verifiers(claim, spec, ended_as.output_json)
        decision = decide(ended_as, spec, situation)
    said = ended_as if isinstance(ended_as, Failed) else outcome
    return _Judgement(ended_as, decision, describe_end(claim, ended_as, said, decision, situation))


def _choose_next(agent: str, spec: StepSpec) -> NextAgent:
    terms = find_terms(agent, spec.timeout_seconds)
    return NextAgent(agent, terms.queue, terms.timeout_seconds, terms.pools)


def _wait(claim: Claim, end: AttemptEnd, outcome: Ending) -> tuple[int, ...]:
    """Write what a step waits for; return what of it can be performed at once."""
    match outcome:
        case Failed():
            _persist(claim, end, lambda: wait_step(claim, end))
            return ()
        case OutOfTime():
            _persist(claim, end, lambda: put_aside(claim, end))
            return ()
        case _:
            return _grow(claim, end, outcome)


def _grow(claim: Claim, end: AttemptEnd, outcome: Ending) -> tuple[int, ...]:
    """Write what a step grew, and return what of it can be performed at once."""

    def write() -> list[int]:
        if isinstance(outcome, ChildRun):
            return start_child(claim, end, outcome)
        return expand_step(claim, end, cast("Growth", outcome))

    def read() -> list[int] | None:
        return find_grown(claim.step_id) if reread_end(claim, end, None) is not None else None

    return tuple(_write_or_read(claim, write, read, doing="grow"))


def _send_back(claim: Claim, end: AttemptEnd, answer: SentBack) -> tuple[int, ...]:
    """Return work to an earlier step, and that step, which can be performed at once."""
    sent: list[int] = []

    def write() -> None:
        sent.append(send_back(claim, end, answer))

    _persist(claim, end, write)
    return tuple(sent)  # nothing when a lost answer was read again: the maintainer rings then


def _situate(claim: Claim, spec: StepSpec, outcome: Ending, crash: Crash | None) -> Situation:
    conf = get_conf()
    is_kept_away = isinstance(outcome, Failed) and outcome.kind is FailureKind.BREAKER_OPEN
    wait = look_at_wait(claim, spec) if is_kept_away else None
    return Situation(
        failures=claim.failures,
        crashes=claim.crashes + (1 if crash and crash.is_own else 0),
        crash_limit=conf.CRASH_LIMIT,
        default_min_confidence=conf.DEFAULT_MIN_CONFIDENCE,
        jitter=random(),  # noqa: S311 - spreads retries, guards nothing
        verdict_revisions=claim.verdict_revisions,
        rework_fault=find_rework_fault(claim, outcome) if isinstance(outcome, SentBack) else "",
        fallbacks=claim.fallbacks,
        waited_out=wait is not None and wait.is_over,
        may_ask=wait is not None and wait.may_ask,
        seconds_left=count_seconds_left(claim, spec),
    )


def _persist(
    claim: Claim, end: AttemptEnd, write: Callable[[], Finished | None], run_on: RunOn | None = None
) -> Finished | None:
    return _write_or_read(claim, write, lambda: reread_end(claim, end, run_on), doing="conclude")


def _write_or_read(claim: Claim, write: Callable[[], T], read: Callable[[], T | None], *, doing: str) -> T:
    """Make the write, again and again while the database is away, until the claim's time is over and it still is.

    The answer of a COMMIT may have been lost: what happened is read, never guessed. `read` finds None if nothing did.
    """

    def act(again: bool) -> T:  # noqa: FBT001 - insist's own word
        return write_or_read(write, read) if again else write()

    grace = timedelta(seconds=get_conf().DEADLINE_GRACE_SECONDS)
    return insist(act, is_lasting(claim, grace), doing=doing, step_id=claim.step_id)
