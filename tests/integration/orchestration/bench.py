"""Runs whose steps are performed one at a time as a worker would, without messages: for steps that must wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.invoke import override
from orchestration import WorkflowSpec, executor, runs
from orchestration.dispatch import Continuation, mute_dispatch
from orchestration.domain.work import Claim
from orchestration.models import Run, Step, WorkerProcess


class _NoRequest:
    chain = callbacks = chord = None


@dataclass(frozen=True)
class Bench:
    """One worker process and the agents it has."""

    process_id: int
    agents: Mapping[str, Any]

    @classmethod
    def make(cls, agents: Mapping[str, Any]) -> "Bench":
        process = WorkerProcess.objects.create(
            name="bench", host="", pid=0, queues=["steps"], agents=sorted(agents), concurrency=8
        )
        return cls(process.pk, agents)

    def start(self, spec: WorkflowSpec, **more: Any) -> Run:
        with override(self.agents), mute_dispatch():
            runs.publish(spec)
            return runs.start(spec.name, {}, **more)

    def perform(self, step: Step) -> str:
        """Do what a worker does that got this step's message; return its word."""
        with override(self.agents), mute_dispatch():
            task_id = f"{step.run_id}.{step.pk}.{step.dispatches}"
            return executor.perform(step.pk, task_id, self, Continuation(_NoRequest()))

    def enter_anew(self, process_id: int) -> None:
        """Nobody declares this process dead."""

    def note_claim(self, claim: Claim) -> None:
        """Nobody looks for lost messages here."""

    def note_attempt(self, claim: Claim) -> None:
        """Nobody looks for lost threads here."""

    def tell_ran_on(self, claim: Claim, word: str) -> None:
        """Nobody watches here."""


def step_of(run: Run, key: str) -> Step:
    return Step.objects.get(run=run, key=key)


def waits(run: Run) -> dict[str, str]:
    """Return what each available step waits for, by key."""
    return dict(Step.objects.filter(run=run, status="available").values_list("key", "waits_for"))
