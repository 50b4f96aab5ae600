"""What follows when there is no answer: another try, and when none can help, the ways out in their order.

The order is: the next fallback agent, skip if the step is not critical, then a person, or the abort of the run if the
step says so.
"""

from typing import Final

from agents.domain.invocation import Failed, FailureKind
from orchestration.domain.policy.values import (
    Decision,
    HeldBack,
    OutOfBudget,
    OutOfTime,
    Situation,
    SummaryUnderWay,
)
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind

TRANSIENT: Final = frozenset(
    {
        FailureKind.TRANSIENT,
        FailureKind.RATE_LIMIT,
        FailureKind.TIMEOUT,
        FailureKind.HELD_UP,
        FailureKind.OUTAGE,
    }
)
KEPT_AWAY: Final = frozenset({FailureKind.BREAKER_OPEN, FailureKind.AGENT_SUSPECT})
"""Of an agent that was not called at all."""
_FOR_PEOPLE: Final = frozenset({FailureKind.CRASH, FailureKind.ENGINE_FAULT, FailureKind.DIVERGED})
MAX_RETRY_WAIT_SECONDS: Final = 3_600.0
MOST_CONFLICTS: Final = 20
CONFLICT_RULES: Final = frozenset({"memory_conflict", "memory_contended"})
"""By which a step is done again, or goes to a person, because what it remembered had changed meanwhile."""
_CONFLICT_SECONDS: Final = 0.5
_MOST_PATIENCE_SECONDS: Final = 5.0
"""With a step that makes the same summary."""


def decide_failure(failure: Failed, spec: StepSpec, situation: Situation) -> Decision:
    """Try again what may pass and has tries and time left; give up the rest."""
    if failure.kind in _FOR_PEOPLE:
        return _decide_alarming(failure, situation)
    if failure.kind in KEPT_AWAY:
        return _decide_kept_away(failure, spec, situation)
    if failure.kind is FailureKind.CONFLICT:
        return _decide_conflict(failure, situation)
    if failure.kind not in TRANSIENT:
        return give_up(failure.kind, _describe(failure), spec, situation)
    return _decide_transient(failure, spec, situation)


def _decide_transient(failure: Failed, spec: StepSpec, situation: Situation) -> Decision:
    if situation.failures + 1 >= spec.retry.max_attempts:
        return give_up("attempts_exhausted", _describe(failure), spec, situation)
    retry = _retry(failure, spec, situation)
    if situation.is_over(retry.delay_seconds):
        return give_up("deadline", _describe(failure), spec, situation)
    return retry


def _decide_conflict(failure: Failed, situation: Situation) -> Decision:
    """Let the agent do it again, with what is known now; what only puts answers together would find the same again."""
    if situation.conflicts >= MOST_CONFLICTS or situation.collects:
        return Decision(DecisionKind.ESCALATE, "memory_contended", failure.message)
    delay = _CONFLICT_SECONDS * situation.jitter * (1 + situation.conflicts)
    return Decision(DecisionKind.RETRY, "memory_conflict", failure.message, delay)


def _decide_kept_away(failure: Failed, spec: StepSpec, situation: Situation) -> Decision:
    """Ask another agent at once if there is one; else wait for this one as long as the step may."""
    if failure.kind is FailureKind.AGENT_SUSPECT:
        return Decision(DecisionKind.WAIT, "agent_suspect", failure.message)
    if not situation.waited_out and _next_fallback(spec, situation) is None:
        return Decision(DecisionKind.WAIT, "breaker_wait", failure.message)
    way = give_up("breaker_open", failure.message, spec, situation)
    if way.kind is DecisionKind.ESCALATE and not situation.may_ask:
        return Decision(DecisionKind.WAIT, "breaker_asked", failure.message)
    return way


def decide_unbegun(
    why: OutOfTime | HeldBack | OutOfBudget | SummaryUnderWay, spec: StepSpec, situation: Situation
) -> Decision:
    """Decide on a step whose agent was not called, or could not make a call, through no fault of its own."""
    if isinstance(why, SummaryUnderWay):
        delay = min(2.0**situation.failures, _MOST_PATIENCE_SECONDS)
        return Decision(DecisionKind.RETRY, "summary_under_way", f"'{why.key}' makes the same", delay)
    if isinstance(why, HeldBack):
        return _decide_held_back(why)
    if isinstance(why, OutOfBudget):
        return _decide_out_of_budget(why, spec, situation)
    return _decide_out_of_time(why, spec, situation)


def _decide_out_of_budget(short: OutOfBudget, spec: StepSpec, situation: Situation) -> Decision:
    """Wait for what is reserved; where that can't help, let one step for each pot ask a person."""
    if short.fits_later:
        return Decision(DecisionKind.WAIT, "budget_wait", short.reason)
    if spec.on_failure == "abort":
        return Decision(DecisionKind.ABORT, "budget_abort", short.reason)
    if not situation.may_ask:
        return Decision(DecisionKind.WAIT, "budget_asked", short.reason)
    return Decision(DecisionKind.ESCALATE, "budget", short.reason)


def _decide_out_of_time(late: OutOfTime, spec: StepSpec, situation: Situation) -> Decision:
    """Ask one person whether a run past its deadline goes on; what else would begin waits for the answer.

    A step past its own is given up: its next try was due in time, and could not begin.
    """
    if late.of_step:
        return give_up("deadline", "the next try could not begin before the deadline", spec, situation)
    reason = "the run is past its deadline"
    if late.is_asked:
        return Decision(DecisionKind.WAIT, "run_deadline_wait", reason)
    if spec.on_failure == "abort":
        return Decision(DecisionKind.ABORT, "run_deadline_abort", reason)
    return Decision(DecisionKind.ESCALATE, "run_deadline", reason)


def _decide_held_back(held: HeldBack) -> Decision:
    """Wait for the people; when that took too long, let one step ask them, whatever else it may do when it fails.

    Neither another agent nor a skip nor the end of the run would be right: nothing has failed.
    """
    if not held.is_over:
        return Decision(DecisionKind.WAIT, "reviewers_wait", held.reason)
    if not held.may_ask:
        return Decision(DecisionKind.WAIT, "reviewers_asked", held.reason)
    return Decision(DecisionKind.ESCALATE, "reviewers", held.reason)


def give_up(cause: str, reason: str, spec: StepSpec, situation: Situation) -> Decision:
    """Take the first way out that the step has."""
    agent = _next_fallback(spec, situation)
    if agent is not None:
        return Decision(
            DecisionKind.FALLBACK, f"{cause}_fallback", f"{reason}; '{agent}' is asked", agent=agent
        )
    if not spec.critical:
        return Decision(DecisionKind.SKIP, f"{cause}_not_critical", reason)
    if spec.on_failure == "abort":
        return Decision(DecisionKind.ABORT, f"{cause}_abort", reason)
    return Decision(DecisionKind.ESCALATE, cause, reason)


def _next_fallback(spec: StepSpec, situation: Situation) -> str | None:
    if situation.is_over() or situation.fallbacks >= len(spec.fallback):
        return None
    return spec.fallback[situation.fallbacks]


def _decide_alarming(failure: Failed, situation: Situation) -> Decision:
    """Let a person see what kills its process, and what nobody foresaw: neither skipped nor another agent's."""
    if failure.kind is FailureKind.ENGINE_FAULT:
        return Decision(DecisionKind.ESCALATE, "engine_fault", _describe(failure))
    if failure.kind is FailureKind.DIVERGED:
        return Decision(DecisionKind.ESCALATE, "journal_diverged", failure.message)
    if situation.crashes >= situation.crash_limit:
        reason = f"it ended its worker process {situation.crashes} times"
        return Decision(DecisionKind.ESCALATE, "crash_limit", reason)
    if situation.is_over():
        return Decision(DecisionKind.ESCALATE, "crash_too_late", failure.message)
    return Decision(DecisionKind.RETRY, "crash_retry", failure.message)


def _retry(failure: Failed, spec: StepSpec, situation: Situation) -> Decision:
    if failure.retry_after_seconds is not None:
        delay, rule = failure.retry_after_seconds, "retry_after"
    else:
        wait = spec.retry.backoff_base_seconds**situation.failures
        delay, rule = wait + spec.retry.jitter_seconds * situation.jitter, "transient_retry"
    delay = min(max(delay, 0.0), MAX_RETRY_WAIT_SECONDS)
    return Decision(DecisionKind.RETRY, rule, failure.message, delay)


def _describe(failure: Failed) -> str:
    return f"{failure.error_class}: {failure.message}" if failure.error_class else failure.message
