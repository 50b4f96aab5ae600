"""What the policy saw, as JSON values beside its decision, and read back from there to decide anew."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from agents.domain.invocation import Answered, Failed, FailureKind, SentBack, Suspends
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.policy.values import (
    AwaitsCalls,
    Ending,
    HeldBack,
    OutOfBudget,
    OutOfTime,
    PassedOver,
    Situation,
    SummaryUnderWay,
)


@dataclass(frozen=True, slots=True)
class Tried:
    """What an attempt's own row says of it, which is not told again beside the decision."""

    agent: str
    agent_version: int | None
    error_class: str
    error_message: str


def dump_inputs(outcome: Ending, situation: Situation) -> dict[str, Any]:
    """Return all that the policy looked at but the step's spec, which is the workflow version's."""
    seen = {name: getattr(situation, name) for name in _SEEN}
    if situation.is_summary:
        seen["is_summary"] = True
    return seen | {"outcome": {"type": _TYPES[type(outcome)], **_dump_outcome(outcome)}}


def load_situation(inputs: Mapping[str, Any]) -> Situation | None:
    """Return the situation that inputs tell of; None when they are of a release that told less."""
    try:
        told = {name: inputs[name] for name in _SEEN if name in inputs or name not in _LATER}
        return Situation(**told, is_summary=inputs.get("is_summary", False))
    except KeyError:
        return None


def load_outcome(inputs: Mapping[str, Any], tried: Tried) -> Ending | None:
    """Return the outcome that inputs tell of; None when every policy decides alike on it, or they told less."""
    said = inputs.get("outcome")
    load = _LOADERS.get(said.get("type")) if isinstance(said, Mapping) else None
    return None if load is None else load(said, tried)


# Plain values all: `asdict` would copy each.
# What few steps have is told of those alone.
_SEEN: Final = tuple(item.name for item in fields(Situation) if item.name != "is_summary")
_LATER: Final = frozenset(
    {"conflicts", "collects"}
)  # told since there are memories; before, nothing could conflict
_TYPES: Final[Mapping[type, str]] = {
    Answered: "answered",
    SentBack: "sent_back",
    Failed: "failed",
    Verdicts: "verdicts",
    OutOfTime: "out_of_time",
    OutOfBudget: "out_of_budget",
    HeldBack: "held_back",
    PassedOver: "passed_over",
    Growth: "growth",
    ChildRun: "child_run",
    AskPerson: "ask_person",
    Collected: "collected",
    AwaitsCalls: "awaits_calls",
    Suspends: "suspends",
    SummaryUnderWay: "summary_under_way",
}


def _dump_outcome(outcome: Ending) -> dict[str, Any]:
    match outcome:
        case Failed():
            return {"kind": outcome.kind.value, "retry_after_seconds": outcome.retry_after_seconds}
        case Answered():
            return {"confidence": outcome.confidence}
        case Verdicts():
            return {"passed": outcome.passed, "reasons": list(outcome.reasons)}
        case SentBack():
            return {"step": outcome.step, "reasons": list(outcome.reasons)}
        case OutOfTime() | HeldBack() | OutOfBudget():
            return asdict(outcome)
        case _:
            waits = outcome.waits if isinstance(outcome, AwaitsCalls) else ()
            return {"waits": [[wait.path, wait.kind] for wait in waits]} if waits else {}


def _load_failure(said: Any, tried: Tried) -> Failed:
    return Failed(
        kind=FailureKind(said["kind"]),
        error_class=tried.error_class,
        message=tried.error_message,
        traceback_tail="",
        retry_after_seconds=said["retry_after_seconds"],
        agent=tried.agent,
        agent_version=tried.agent_version,
    )


_SHORT: Final = tuple(item.name for item in fields(OutOfBudget))
_LOADERS: Final[Mapping[Any, Callable[[Any, Tried], Ending]]] = {
    "failed": _load_failure,
    "answered": lambda said, tried: Answered(
        None, "null", said["confidence"], {}, tried.agent, tried.agent_version or 0
    ),
    "verdicts": lambda said, _: Verdicts("null", said["passed"], tuple(said["reasons"])),
    "sent_back": lambda said, tried: SentBack(
        said["step"], tuple(said["reasons"]), tried.agent, tried.agent_version or 0
    ),
    "held_back": lambda said, _: HeldBack(said["reason"], said["is_over"], said["may_ask"]),
    "out_of_budget": lambda said, _: OutOfBudget(**{key: said[key] for key in _SHORT}),
    "out_of_time": lambda said, _: OutOfTime(said["is_asked"], said.get("of_step", False)),
}
