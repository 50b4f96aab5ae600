"""What follows from an answer: of the agent itself, of its verifiers, or one that sends work back."""

from agents.domain.invocation import Answered, SentBack
from orchestration.domain.plan import Verdicts
from orchestration.domain.policy.values import Decision, Situation
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind


def decide_answer(answer: Answered, spec: StepSpec, situation: Situation) -> Decision:
    """Accept an answer whose agent is confident enough; a person looks at any other."""
    bound = spec.min_confidence
    if answer.confidence is None:
        if bound is None:
            return Decision(DecisionKind.ACCEPT, "no_confidence_asked")
        reason = f"the step asks for {bound:.2f}, the agent stated none"
        return Decision(DecisionKind.ESCALATE, "confidence_missing", reason)
    if bound is None:
        bound = situation.default_min_confidence
    if answer.confidence < bound:
        reason = f"the agent's confidence is {answer.confidence:.2f}, below {bound:.2f}"
        return Decision(DecisionKind.ESCALATE, "low_confidence", reason)
    return Decision(DecisionKind.ACCEPT, "confident")


def decide_verdicts(verdicts: Verdicts, spec: StepSpec, situation: Situation) -> Decision:
    """Accept what was passed; send the rest back with the reasons as often as the step allows, then ask a person."""
    if verdicts.passed:
        return Decision(DecisionKind.ACCEPT, "verified")
    reason = "; ".join(verdicts.reasons)
    if spec.verify is None or situation.verdict_revisions >= spec.verify.max_revisions:
        return Decision(DecisionKind.ESCALATE, "revisions_exhausted", reason)
    if situation.is_over():
        return Decision(DecisionKind.ESCALATE, "revision_too_late", reason)
    return Decision(DecisionKind.REVISE, "verifier_fail", reason)


def decide_rework(answer: SentBack, situation: Situation) -> Decision:
    """Let work go back to an earlier step, if it can."""
    reason = f"work goes back to '{answer.step}': " + "; ".join(answer.reasons)
    if situation.rework_fault:
        return Decision(DecisionKind.ESCALATE, "rework_refused", f"{reason} ({situation.rework_fault})")
    if situation.is_over():
        return Decision(DecisionKind.ESCALATE, "rework_too_late", reason)
    return Decision(DecisionKind.REWORK, "rework", reason)
