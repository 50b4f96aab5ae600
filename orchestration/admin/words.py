"""What rows say, in words a person reads at night. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestration.domain.states import DONE, DecisionKind, RunStatus, StepStatus
from orchestration.selectors.progress import WAITING

STATE_WORDS = {
    RunStatus.RUNNING.value: "running",
    WAITING: "waiting for people",
    RunStatus.SUCCEEDED.value: "succeeded",
    RunStatus.FAILED.value: "failed",
    RunStatus.CANCELLED.value: "cancelled",
}
_DECISION_WORDS = {
    DecisionKind.ACCEPT: "Accepted",
    DecisionKind.RETRY: "To be tried again",
    DecisionKind.SKIP: "Skipped",
    DecisionKind.ESCALATE: "Held for a person",
    DecisionKind.ABORT: "The run was aborted",
}
_RULE_WORDS = {
    "no_confidence_asked": "no confidence was asked for, and none stated",
    "confident": "the agent is confident enough",
    "confidence_missing": "a confidence was asked for, and none stated",
    "low_confidence": "the agent is not confident enough",
    "transient_retry": "the failure may pass, tries are left",
    "retry_after": "the provider said when to come back",
    "attempts_exhausted": "the failure might have passed, but no tries are left",
    "crash_retry": "its worker process ended, tries are left",
    "crash_limit": "it ended its worker process too often",
    "bad_input": "the agent refused its input; a retry can't help",
    "unreadable": "the answer can't be read",
    "permanent": "the agent says that a retry can't help",
    "unknown": "an error that no rule foresees",
    "unknown_agent": "no worker has this agent",
    "condition_false": "its condition is false",
    "need_passed_over": "a step it needs was passed over",
}
_RULE_ENDINGS = {"_not_critical": "and the step is not critical", "_abort": "and the step says to abort"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def describe_duration(span: timedelta) -> str:
    """Return a span in at most two units: `230 ms`, `4.2 s`, `3 min 20 s`, `2 d 4 h`."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "<1 ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    units = [*_UNITS, (1, "s")]
    first = next(i for i, (size, _) in enumerate(units) if seconds >= size)
    (size, unit), (next_size, next_unit) = units[first : first + 2]
    whole, rest = divmod(int(seconds), size)
    return f"{whole} {unit} {rest // next_size} {next_unit}" if rest >= next_size else f"{whole} {unit}"


def describe_span(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took, "" when one end is missing."""
    return describe_duration(end - start) if start and end else ""


def describe_rule(rule: str) -> str:
    """Return what a policy rule means; the rule's own name where it says so itself."""
    for ending, words in _RULE_ENDINGS.items():
        if rule.endswith(ending):
            return f"{describe_rule(rule.removesuffix(ending))}, {words}"
    return _RULE_WORDS.get(rule, rule.replace("_", " "))


def describe_decision(kind: str, rule: str) -> str:
    """Return what was decided and why."""
    return f"{_DECISION_WORDS[DecisionKind(kind)]}: {describe_rule(rule)}"


def describe_event(kind: str) -> str:
    """Return an event's kind in words."""
    return kind.replace("_", " ")


def count_done(counts: Mapping[str, int]) -> tuple[int, int]:
    """Return how many steps are done, and how many there are."""
    return sum(counts.get(status, 0) for status in DONE), sum(counts.values())


def describe_run(state: str, counts: Mapping[str, int], took: str) -> str:
    """Return how a run stands, in one sentence."""
    done, total = count_done(counts)
    match state:
        case "succeeded":
            return f"Succeeded in {took}: {_steps(total)} done."
        case "failed":
            return f"Failed after {took}, with {done} of {_steps(total)} done."
        case "cancelled":
            return f"Cancelled after {took}, with {done} of {_steps(total)} done."
        case "waiting":
            return (
                f"Waiting for people: {done} of {_steps(total)} done, {counts.get(StepStatus.HELD, 0)} held."
            )
        case _:
            return f"Running for {took}: {done} of {_steps(total)} done{_moving(counts)}."


def _moving(counts: Mapping[str, int]) -> str:
    words = {
        StepStatus.RUNNING: "running",
        StepStatus.AVAILABLE: "waiting for a worker",
        StepStatus.RETRYABLE: "waiting for another try",
        StepStatus.HELD: "held",
    }
    return "".join(f", {counts[status]} {word}" for status, word in words.items() if counts.get(status))


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"
