"""The way through the rules: by what the attempt ended with."""

from typing import Final

from agents.domain.doubts import DOUBT
from agents.domain.invocation import Answered, Failed, SentBack, Suspends
from orchestration.domain.calls import OpenWait
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.policy.answers import decide_answer, decide_rework, decide_verdicts
from orchestration.domain.policy.failures import decide_failure, decide_unbegun
from orchestration.domain.policy.values import (
    AwaitsCalls,
    Decision,
    Ending,
    HeldBack,
    OutOfBudget,
    OutOfTime,
    PassedOver,
    Situation,
    SummaryUnderWay,
)
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind

_MOST_NAMED: Final = 5


_AS_ANY_STEP: Final = frozenset({DecisionKind.ACCEPT, DecisionKind.RETRY})


def decide(outcome: Ending, spec: StepSpec, situation: Situation) -> Decision:
    """Return the decision for an attempt's outcome; total over its arguments."""
    decision = _decide(outcome, spec, situation)
    if not situation.is_summary or decision.kind in _AS_ANY_STEP or decision.rule == "pause_at_call":
        return decision
    # Nobody is asked, nothing is waited for, and no run ends for want of a summary.
    reason = decision.reason or f"by the rule {decision.rule}"
    return Decision(DecisionKind.SKIP, "summary_fell_back", reason)


def _decide(outcome: Ending, spec: StepSpec, situation: Situation) -> Decision:
    match outcome:
        case Answered():
            return decide_answer(outcome, spec, situation)
        case SentBack():
            return decide_rework(outcome, situation)
        case Verdicts():
            return decide_verdicts(outcome, spec, situation)
        case Failed():
            return decide_failure(outcome, spec, situation)
        case OutOfTime() | HeldBack() | OutOfBudget() | SummaryUnderWay():
            return decide_unbegun(outcome, spec, situation)
        case _:
            return _decide_rest(outcome)


def _decide_waits(outcome: AwaitsCalls) -> Decision:
    """Let a step wait for what it waits for; ask people first where it asks any."""
    if outcome.approval is not None:
        return Decision(
            DecisionKind.ESCALATE, "approval", "its agent wants to call what needs a person's approval"
        )
    if any(question.name == DOUBT for question in outcome.questions):
        return Decision(
            DecisionKind.ESCALATE, "uncertain_effect", "a call that can't be repeated may have happened"
        )
    if outcome.questions:
        return Decision(DecisionKind.ESCALATE, "question", _say_questions(outcome.questions))
    if not outcome.waits:
        return Decision(
            DecisionKind.WAIT, "pause_at_call", "the run is paused; its next call begins afterwards"
        )
    names = ", ".join(wait.path for wait in outcome.waits[:_MOST_NAMED])
    more = f" and {len(outcome.waits) - _MOST_NAMED:,} more" if len(outcome.waits) > _MOST_NAMED else ""
    return Decision(DecisionKind.WAIT, "awaits_calls", f"it waits for {names}{more}")


def _say_questions(questions: tuple[OpenWait, ...]) -> str:
    return (
        "its agent asks a question" if len(questions) == 1 else f"its agent asks {len(questions):,} questions"
    )


def _decide_rest(
    outcome: PassedOver | Growth | ChildRun | AskPerson | Collected | AwaitsCalls | Suspends,
) -> Decision:
    """Decide on an ending that leaves nothing to weigh."""
    match outcome:
        case AwaitsCalls():
            return _decide_waits(outcome)
        case PassedOver():
            return Decision(DecisionKind.SKIP, outcome.rule, outcome.reason)
        case Growth():
            return Decision(DecisionKind.WAIT, outcome.rule, f"it waits for {_count(len(outcome.children))}")
        case ChildRun():
            return Decision(DecisionKind.WAIT, "child_run", f"it waits for a run of '{outcome.workflow}'")
        case AskPerson():
            return Decision(DecisionKind.ESCALATE, "human_step", "people do this step")
        case _:
            return _decide_collected(outcome)


def _decide_collected(outcome: Collected | Suspends) -> Decision:
    """Accept what was put together, and leave to a person what no rule names."""
    if isinstance(outcome, Collected):
        return Decision(DecisionKind.ACCEPT, outcome.rule)
    return Decision(DecisionKind.ESCALATE, "unforeseen", f"an ending that no rule names: {outcome!r:.200}")


def _count(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps:,} steps"
