"""From an outcome to rows: the policy decides, one guarded write records it.

Used by the executor for its own attempts and by the maintainer for those whose worker can't speak any more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import structlog

from agents.domain.classification import describe_error, describe_fault, describe_refusal
from agents.domain.invocation import Answered, Failed, FailureKind, SentBack
from orchestration.conf import get_signer
from orchestration.domain.plan import ChildRun, Growth, LimitExceeded
from orchestration.domain.policy import AwaitsCalls, Decision, Ending, HeldBack, OutOfBudget, OutOfTime
from orchestration.domain.policy.failures import CONFLICT_RULES
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind
from orchestration.domain.waits import WaitsFor
from orchestration.domain.work import AttemptEnd, Claim, Facts, FinalOutput, Finished, NextAgent, RunOn
from orchestration.errors import MemoryConflict
from orchestration.executor.admission import look_at_kept_away, tell_breaker
from orchestration.executor.collecting import GROWN, stop_beyond_limit
from orchestration.executor.growing import start_child
from orchestration.executor.holding import is_beyond_the_attempt, plan_ticket, savepoint
from orchestration.executor.judging import Judgement, Seen, describe_hold, judge, judge_fault
from orchestration.executor.patience import ask_patiently, write_patiently
from orchestration.executor.proof import prove
from orchestration.executor.rework import find_rework_fault, send_back
from orchestration.executor.suspending import suspend
from orchestration.executor.together import finish_together
from orchestration.outgoing import SENT
from orchestration.planning import find_terms, foresee_end, plan_undo
from orchestration.selectors.trees import count_steps, find_grown
from orchestration.transitions.budget import may_ask, wake_for_budget
from orchestration.transitions.end import (
    abort_by_step,
    fall_back,
    free_step,
    hold_step,
    put_aside,
    retry_step,
    revise_step,
)
from orchestration.transitions.expand import expand_step
from orchestration.transitions.finish import reread_end
from orchestration.transitions.last import finish_with_step
from orchestration.transitions.lift import lift_needless
from orchestration.transitions.release import tell_parent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was decided and written.

    Attributes: finished: None when the step stays undone.  started: steps that can be performed now because this one
        grew them, or goes on itself.  sends: messages were written with it.
    """

    decision: Decision
    finished: Finished | None
    started: tuple[int, ...] = ()
    sends: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """How a dead worker's step goes on: on which queue, and whether the crash was its own."""

    queue: str
    is_own: bool


def conclude_surely(
    claim: Claim,
    spec: StepSpec,
    facts: Facts,
    outcome: Ending,
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
        with savepoint():
            return conclude(claim, spec, facts, outcome, run_on=run_on, crash=crash)
    except BaseException as error:
        if is_beyond_the_attempt(error):
            raise
        fault = describe_fault(error, claim.agent, "what came of it could not be written")
        log.error("conclusion_failed", step=claim.step_id, error=fault.error_class, why=fault.message)
    try:
        with savepoint():
            return conclude_fault(claim, spec, fault)
    except BaseException as error:
        if is_beyond_the_attempt(error):
            raise
        log.error("fault_not_told", step=claim.step_id, error=describe_fault(error, claim.agent, "").message)
    bare = "what came of it could not be written, nor could why; the worker's log has it"
    return conclude_fault(claim, spec, replace(fault, error_class="", message=bare, traceback_tail=""))


def conclude_fault(claim: Claim, spec: StepSpec, fault: Failed) -> Conclusion:
    """End an attempt at which the engine itself failed, by as little as a hold needs.

    Its agent's breaker knows already how it ended, and hears nothing of the engine's faults.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    judged = judge_fault(claim, spec, fault)
    return Conclusion(judged.decision, None, _leave_undone(claim, spec, judged, None))


def conclude(
    claim: Claim,
    spec: StepSpec,
    facts: Facts,
    outcome: Ending,
    *,
    run_on: RunOn | None = None,
    crash: Crash | None = None,
) -> Conclusion:
    """Decide on an attempt's outcome and write the decision with all that follows from it.

    What the outcome asks for is read, and the decision written, again and again while the database is away and the
    claim is ours: a finished body is not stranded.

    Args: facts: what was read before the agent was called.  run_on: the successor to claim in place.
        crash: how the step of a dead worker goes on.
    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    tell_breaker(claim, outcome, is_suspect=crash is not None and not crash.is_own)
    try:
        return _decide(claim, spec, facts, outcome, run_on, crash)
    except LimitExceeded as error:  # others of its run grew meanwhile
        refused = _refuse(outcome, FailureKind.LIMIT, error, claim.agent)
    except MemoryConflict as error:  # others remembered something under its keys meanwhile
        refused = _refuse(outcome, FailureKind.CONFLICT, error, claim.agent)
    return _decide(claim, spec, facts, refused, run_on, crash)


def _decide(
    claim: Claim, spec: StepSpec, facts: Facts, outcome: Ending, run_on: RunOn | None, crash: Crash | None
) -> Conclusion:
    seen = _look(claim, spec, outcome)
    judged = judge(claim, spec, facts, outcome, seen, own_crash=crash is not None and crash.is_own)
    decision, end = judged.decision, judged.end
    match decision.kind:
        case DecisionKind.ACCEPT | DecisionKind.SKIP:
            final = prove(claim, facts, judged.outcome, end)
            is_last = spec.ends_run and decision.kind is DecisionKind.ACCEPT
            finished = _finish_with_run(claim, end, final) if is_last else _finish(claim, end, final, run_on)
            if claim.kind in GROWN:
                stop_beyond_limit(claim, final.output_json)
            return Conclusion(decision, finished, sends=SENT.name in end.effects)
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
            return Conclusion(decision, None, _leave_undone(claim, spec, judged, crash))


def _look(claim: Claim, spec: StepSpec, outcome: Ending) -> Seen:
    """Look up what only this outcome asks for: of a plain answer nothing."""
    match outcome:
        case Answered() if outcome.spawn is not None:
            steps = ask_patiently(claim, lambda _: count_steps(claim.run.run_id), doing="count steps")
            return Seen(run_steps=steps)
        case SentBack():
            fault = ask_patiently(claim, lambda _: find_rework_fault(claim, outcome), doing="rework")
            return Seen(rework_fault=fault)
        case OutOfBudget() if not outcome.fits_later and spec.on_failure != "abort":
            asks = ask_patiently(
                claim, lambda _: may_ask(outcome.pot, claim.step_id), doing="ask about a budget"
            )
            return Seen(may_ask=asks)
        case Failed() if outcome.kind is FailureKind.BREAKER_OPEN:
            wait = ask_patiently(
                claim, lambda _: look_at_kept_away(claim, spec, outcome.waits_on), doing="look at its wait"
            )
            return Seen(waited_out=wait.is_over, may_ask=wait.may_ask)
        case _:
            return Seen()


def _finish(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None) -> Finished | None:
    """Write the finish, without running on if that is what fails: no message may cost a finished body its record."""
    try:
        return _persist(claim, end, lambda: finish_together(claim, end, final, run_on), run_on)
    except Exception as error:
        if run_on is None or is_beyond_the_attempt(error) or isinstance(error, MemoryConflict):
            raise
        log.warning(
            "run_on_failed",
            step=claim.step_id,
            error=describe_error(error),
            next="the step is finished without it",
        )
        return _persist(claim, end, lambda: finish_together(claim, end, final))


def _finish_with_run(claim: Claim, end: AttemptEnd, final: FinalOutput) -> Finished | None:
    """Write the finish of a step that ends its run, and with it the run's end."""

    def write() -> Finished:
        # Within the patience of the write: a process may read this plan for the first time.
        early = foresee_end(claim.key, final.output_json, claim.run.workflow_id, claim.run.workflow_digest)
        finish_with_step(claim, end, final, early, get_signer())
        return Finished((), None, look_behind=False)

    if _persist(claim, end, write) is None:
        return None
    return Finished(tuple(tell_parent(claim.run.run_id)), None, look_behind=False)


def _leave_undone(claim: Claim, spec: StepSpec, judged: Judgement, crash: Crash | None) -> tuple[int, ...]:
    """Write an ending after which the step waits: for its next try, for a person, or for nothing any more.

    Returns: what an aborted run does first to undo what it did.
    """
    end = judged.end
    match judged.decision.kind:
        case DecisionKind.RETRY if crash is not None:
            _persist(claim, end, lambda: free_step(claim, end, queue=crash.queue, own_crash=crash.is_own))
        case DecisionKind.RETRY:
            _persist(claim, end, lambda: retry_step(claim, end, is_counted=end.rule not in CONFLICT_RULES))
        case DecisionKind.ESCALATE:
            hold = describe_hold(claim, spec, judged.outcome, judged.decision)
            hold_it = partial(hold_step, own_crash=bool(crash and crash.is_own), waits=judged.waits)
            _persist(claim, end, lambda: hold_it(claim, end, hold, plan_ticket(hold)))
            return _look_again(claim, judged.outcome)
        case DecisionKind.ABORT:
            return _abort(claim, end)
        case other:
            raise AssertionError(f"no ending for the decision {other}")
    return ()


def _look_again(claim: Claim, outcome: Ending) -> tuple[int, ...]:
    """Withdraw a question about a budget that was topped up while it was on its way: its answer found nobody held."""
    if not isinstance(outcome, OutOfBudget):
        return ()
    return tuple(ask_patiently(claim, lambda _: lift_needless(outcome.pot), doing="look at a budget"))


def _abort(claim: Claim, end: AttemptEnd) -> tuple[int, ...]:
    begun: list[int] = []
    _persist(claim, end, lambda: begun.extend(abort_by_step(claim, end, get_signer(), plan_undo)))
    return tuple(begun)  # nothing when a lost answer was read again: the maintainer rings then


def _choose_next(agent: str, spec: StepSpec) -> NextAgent:
    terms = find_terms(agent, spec.timeout_seconds)
    return NextAgent(agent, terms.queue, terms.timeout_seconds, terms.pools)


def _wait(claim: Claim, end: AttemptEnd, outcome: Ending) -> tuple[int, ...]:
    """Write what a step waits for; return what of it can be performed at once."""
    match outcome:
        case AwaitsCalls():
            return suspend(claim, end, outcome)
        case Failed():
            _persist(claim, end, lambda: put_aside(claim, end, WaitsFor.BREAKER, outcome.waits_on))
            return ()
        case OutOfTime():
            _persist(claim, end, lambda: put_aside(claim, end, WaitsFor.DEADLINE))
            return ()
        case HeldBack():
            _persist(claim, end, lambda: put_aside(claim, end, WaitsFor.REVIEWERS))
            return ()
        case OutOfBudget():
            _persist(claim, end, lambda: put_aside(claim, end, WaitsFor.BUDGET))
            # What was given back before this was written woke nobody.
            return tuple(ask_patiently(claim, lambda _: wake_for_budget([outcome.pot]), doing="wake"))
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

    return tuple(write_patiently(claim, write, read, doing="grow"))


def _refuse(outcome: Ending, kind: FailureKind, error: Exception, agent: str) -> Failed:
    """Return the failure that an answer is which can't be written; what the agent used for it stays told."""
    refused = describe_refusal(kind, str(error), agent)
    if not isinstance(outcome, Answered):
        return refused
    return replace(refused, usage=outcome.usage, agent_version=outcome.agent_version)


def _send_back(claim: Claim, end: AttemptEnd, answer: SentBack) -> tuple[int, ...]:
    """Return work to an earlier step, and that step, which can be performed at once."""
    sent: list[int] = []

    def write() -> None:
        sent.append(send_back(claim, end, answer))

    _persist(claim, end, write)
    return tuple(sent)  # nothing when a lost answer was read again: the maintainer rings then


def _persist(
    claim: Claim, end: AttemptEnd, write: Callable[[], Finished | None], run_on: RunOn | None = None
) -> Finished | None:
    return write_patiently(claim, write, lambda: reread_end(claim, end, run_on), doing="conclude")
