"""What rows say, in words a person reads at night. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestration.domain.states import DONE, RunStatus, Stage, StepStatus
from orchestration.domain.waits import STAGES, find_wait
from orchestration.selectors.progress import WAITING

STATE_WORDS = {
    RunStatus.RUNNING.value: "running",
    WAITING: "waiting for people",
    RunStatus.PAUSED.value: "paused",
    RunStatus.COMPENSATING.value: "compensating",
    RunStatus.SUCCEEDED.value: "succeeded",
    RunStatus.FAILED.value: "failed",
    RunStatus.CANCELLED.value: "cancelled",
}
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


def describe_stage(stage: str) -> str:
    """Return what a waiting step waits for."""
    return STAGES[Stage(stage)].words


def describe_wait(waits_for: str) -> str:
    """Return why an available step is not rung for; of one that is, its status."""
    return find_wait(waits_for).words if waits_for else "available"


def describe_event(kind: str) -> str:
    """Return an event's kind in words."""
    return kind.replace("_", " ")


def count_done(counts: Mapping[str, int]) -> tuple[int, int]:
    """Return how many steps are done, and how many there are."""
    return sum(counts.get(status, 0) for status in DONE), sum(counts.values())


def describe_run(state: str, counts: Mapping[str, int], took: str) -> str:
    """Return how a run stands, in one sentence."""
    done, total = count_done(counts)
    so_far = f"{done:,} of {_steps(total)} done"
    if state == RunStatus.SUCCEEDED:
        return f"Succeeded in {took}: {_steps(total)} done."
    if state in {RunStatus.FAILED, RunStatus.CANCELLED}:
        return f"{state.capitalize()} after {took}, with {so_far}."
    if state == WAITING:
        held = counts.get(StepStatus.HELD, 0)
        return (
            f"Waiting for people: {so_far}, {f'{held} held' if held else 'the rest waits for a child run'}."
        )
    if state == RunStatus.PAUSED:
        return f"Paused: {so_far}{_moving(counts)}. Nothing new is begun until it is resumed."
    if state == RunStatus.COMPENSATING:
        return f"Failed: what was done is being undone; {so_far}{_moving(counts)}."
    return f"Running for {took}: {so_far}{_moving(counts)}."


def _moving(counts: Mapping[str, int]) -> str:
    words = {
        StepStatus.RUNNING: "running",
        StepStatus.WAITING: "waiting for others",
        StepStatus.AVAILABLE: "waiting for a worker",
        StepStatus.RETRYABLE: "waiting for another try",
        StepStatus.HELD: "held",
    }
    return "".join(f", {counts[status]} {word}" for status, word in words.items() if counts.get(status))


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"
