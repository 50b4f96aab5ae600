"""Runs as an operator meets them: done, held, failed, summarised, wide; made by the real engine."""

from collections.abc import Callable
from typing import Any

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run
from orchestration.testing import FinishedRun, drive

Fakes = dict[str, Callable[[Task], Any]]

LETTER = WorkflowSpec(
    name="letter",
    description="Answer a letter.",
    sla="customer-facing",
    steps=(
        StepSpec("facts", agent="test.facts"),
        StepSpec("draft", agent="test.writer", needs=("facts",), input={"order": "steps.facts.order"}),
        StepSpec("send", agent="test.sender", needs=("draft",), on_failure="abort"),
    ),
)
LETTER_AGENTS: Fakes = {
    "test.facts": lambda _task: {"order": 7},
    "test.writer": lambda _task: Result({"body": "Dear Ada"}, confidence=0.93),
    "test.sender": lambda _task: {"sent": True},
}


def play(spec: WorkflowSpec, agents: Fakes, key: str | None = None, **given: Any) -> FinishedRun:
    """Run a workflow until it ends or only people can go on."""
    return drive(begin(spec, agents, key, **given).pk, agents=agents)


def begin(spec: WorkflowSpec, agents: Fakes, key: str | None = None, **given: Any) -> Run:
    """Start a run that nobody works on."""
    with override(agents), mute_dispatch():
        runs.publish(spec)
        return runs.start(spec.name, given, idempotency_key=key)


def play_letter(key: str | None = None, **agents: Any) -> FinishedRun:
    """Run the letter with some agents replaced: `writer=...` replaces `test.writer`."""
    replaced = {f"test.{name}": body for name, body in agents.items()}
    return play(LETTER, {**LETTER_AGENTS, **replaced}, key, text="Where is my lamp?")


def doubt(_task: Task) -> Result:
    """Answer without being sure."""
    return Result({"body": "Dear Ada"}, confidence=0.5)


def refuse(_task: Task) -> Any:
    """Refuse the input."""
    raise ValueError("no such order")


def fan_out(width: int) -> WorkflowSpec:
    """One step, many side by side, one that joins them."""
    middle = tuple(StepSpec(f"part-{i}", agent="test.part", needs=("plan",)) for i in range(width))
    join = StepSpec("join", agent="test.part", needs=tuple(step.key for step in middle))
    return WorkflowSpec(name="fan-out", steps=(StepSpec("plan", agent="test.part"), *middle, join))
