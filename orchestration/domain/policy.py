"""What follows from an attempt: one typed decision, made by the first rule that fits.

Pure: randomness comes in as a number. What no rule names becomes an escalation. Read next:
`orchestration/executor.py`, which stores and performs the decision.
"""

from dataclasses import dataclass
from typing import Final

from agents.domain.invocation import Answered, Failed, FailureKind, Outcome, SentBack
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind

TRANSIENT: Final = frozenset({FailureKind.TRANSIENT, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT})
MAX_RETRY_WAIT_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The step was not tried: its condition is false, or what it needs was passed over."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy looks at besides the outcome.

    Attributes:
        failures: counted tries before this one, since the last fresh start.
        crashes: crashes of the step's own, this one included.  crash_limit: at so many it is held.
        default_min_confidence: for agents that state a confidence when the step names no bound.
        jitter: uniform random number in 0..1.
        verdict_revisions: times its verifiers sent it back.
        rework_fault: why work can't go back to where the agent wants it; empty: it can.
    """

    failures: int
    crashes: int
    crash_limit: int
    default_min_confidence: float
    jitter: float
    verdict_revisions: int = 0
    rework_fault: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, by which rule, and why in words. `delay_seconds`: of a retry."""

    kind: DecisionKind
    rule: str
    reason: str = ""
    delay_seconds: float = 0.0


Ending = Outcome | PassedOver | Growth | ChildRun | AskPerson | Collected | Verdicts
"""All that an attempt can end with."""


def decide(outcome: Ending, spec: StepSpec, situation: Situation) -> Decision:
    """Return the decision for an attempt's outcome; total over its arguments."""
    match outcome:
        case Answered():
            return _decide_answer(outcome, spec, situation)
        case SentBack():
            return _decide_rework(outcome, situation)
        case Verdicts():
            return _decide_verdicts(outcome, spec, situation)
        case Failed():
            return _decide_failure(outcome, spec, situation)
        case _:
            return _decide_growth(outcome)


def _decide_growth(outcome: PassedOver | Growth | ChildRun | AskPerson | Collected) -> Decision:
    """Decide on an ending that no agent had a part in."""
    match outcome:
        case PassedOver():
            return Decision(DecisionKind.SKIP, outcome.rule, outcome.reason)
        case Growth():
            return Decision(DecisionKind.WAIT, outcome.rule, f"it waits for {len(outcome.children)} steps")
        case ChildRun():
            return Decision(DecisionKind.WAIT, "child_run", f"it waits for a run of '{outcome.workflow}'")
        case AskPerson():
            return Decision(DecisionKind.ESCALATE, "human_step", "people do this step")
        case Collected():
            return Decision(DecisionKind.ACCEPT, outcome.rule)


def _decide_verdicts(verdicts: Verdicts, spec: StepSpec, situation: Situation) -> Decision:
    if verdicts.passed:
        return Decision(DecisionKind.ACCEPT, "verified")
    reason = "; ".join(verdicts.reasons)
    if spec.verify is not None and situation.verdict_revisions < spec.verify.max_revisions:
        return Decision(DecisionKind.REVISE, "verifier_fail", reason)
    return Decision(DecisionKind.ESCALATE, "revisions_exhausted", reason)


def _decide_rework(answer: SentBack, situation: Situation) -> Decision:
    reason = f"work goes back to '{answer.step}': " + "; ".join(answer.reasons)
    if situation.rework_fault:
        return Decision(DecisionKind.ESCALATE, "rework_refused", f"{reason} ({situation.rework_fault})")
    return Decision(DecisionKind.REWORK, "rework", reason)


def _decide_answer(answer: Answered, spec: StepSpec, situation: Situation) -> Decision:
    bound = spec.min_confidence
    if answer.confidence is None:
        if bound is None:
            return Decision(DecisionKind.ACCEPT, "no_confidence_asked")
        return Decision(
            DecisionKind.ESCALATE,
            "confidence_missing",
            f"the step asks for {bound:.2f}, the agent stated none",
        )
    if bound is None:
        bound = situation.default_min_confidence
    if answer.confidence < bound:
        reason = f"the agent's confidence is {answer.confidence:.2f}, below {bound:.2f}"
        return Decision(DecisionKind.ESCALATE, "low_confidence", reason)
    return Decision(DecisionKind.ACCEPT, "confident")


def _decide_failure(failure: Failed, spec: StepSpec, situation: Situation) -> Decision:
    if failure.kind is FailureKind.CRASH:
        if situation.crashes < situation.crash_limit:
            return Decision(DecisionKind.RETRY, "crash_retry", failure.message)
        # Not skipped even if not critical: what kills its process must be seen by a person.
        reason = f"it ended its worker process {situation.crashes} times"
        return Decision(DecisionKind.ESCALATE, "crash_limit", reason)
    if failure.kind in TRANSIENT:
        if situation.failures + 1 < spec.retry.max_attempts:
            return _retry(failure, spec, situation)
        return _give_up("attempts_exhausted", failure, spec)
    return _give_up(failure.kind, failure, spec)


def _retry(failure: Failed, spec: StepSpec, situation: Situation) -> Decision:
    if failure.retry_after_seconds is not None:
        delay, rule = failure.retry_after_seconds, "retry_after"
    else:
        wait = spec.retry.backoff_base_seconds**situation.failures
        delay, rule = wait + spec.retry.jitter_seconds * situation.jitter, "transient_retry"
    delay = min(max(delay, 0.0), MAX_RETRY_WAIT_SECONDS)
    return Decision(DecisionKind.RETRY, rule, failure.message, delay)


def _give_up(rule: str, failure: Failed, spec: StepSpec) -> Decision:
    reason = f"{failure.error_class}: {failure.message}" if failure.error_class else failure.message
    if not spec.critical:
        return Decision(DecisionKind.SKIP, f"{rule}_not_critical", reason)
    if spec.on_failure == "abort":
        return Decision(DecisionKind.ABORT, f"{rule}_abort", reason)
    return Decision(DecisionKind.ESCALATE, rule, reason)
