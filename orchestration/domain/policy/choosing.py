"""The way through the rules: by what the attempt ended with."""

from agents.domain.invocation import Answered, Failed, SentBack
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.policy.answers import decide_answer, decide_rework, decide_verdicts
from orchestration.domain.policy.failures import decide_failure, decide_unbegun
from orchestration.domain.policy.values import (
    Decision,
    Ending,
    HeldBack,
    OutOfTime,
    PassedOver,
    Situation,
)
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind


def decide(outcome: Ending, spec: StepSpec, situation: Situation) -> Decision:
    """Return the decision for an attempt's outcome; total over its arguments."""
    match outcome:
        case Answered():
            return decide_answer(outcome, spec, situation)
        case SentBack():
            return decide_rework(outcome, situation)
        case Verdicts():
            return decide_verdicts(outcome, spec, situation)
        case Failed():
            return decide_failure(outcome, spec, situation)
        case OutOfTime() | HeldBack():
            return decide_unbegun(outcome, spec, situation)
        case _:
            return _decide_growth(outcome)


def _decide_growth(outcome: PassedOver | Growth | ChildRun | AskPerson | Collected) -> Decision:
    """Decide on an ending that no agent had a part in."""
    match outcome:
        case PassedOver():
            return Decision(DecisionKind.SKIP, outcome.rule, outcome.reason)
        case Growth():
            return Decision(DecisionKind.WAIT, outcome.rule, f"it waits for {_count(len(outcome.children))}")
        case ChildRun():
            return Decision(DecisionKind.WAIT, "child_run", f"it waits for a run of '{outcome.workflow}'")
        case AskPerson():
            return Decision(DecisionKind.ESCALATE, "human_step", "people do this step")
        case Collected():
            return Decision(DecisionKind.ACCEPT, outcome.rule)
        case unforeseen:
            return _escalate(unforeseen)  # type: ignore[unreachable]  # the types say so; this says what if


def _count(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps:,} steps"


def _escalate(unforeseen: object) -> Decision:
    """Leave to a person what no rule names."""
    return Decision(DecisionKind.ESCALATE, "unforeseen", f"an ending that no rule names: {unforeseen!r:.200}")
