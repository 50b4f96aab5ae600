"""New code is deployed while a run lives: a step that names an agent's version waits for a worker that has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agents import Task
from agents.domain.catalogue import RegisteredAgent, catalogue
from agents.domain.contract import AgentContract
from agents.selectors import answered_names
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.errors import SpecInvalid
from orchestration.models import Step, WorkerProcess
from orchestration.testing import drive
from orchestration.transitions.heal import wake_known_agents

pytestmark = pytest.mark.django_db

SPEC = WorkflowSpec(
    name="pinned",
    steps=(
        StepSpec("old", agent="test.pinned@1"),
        StepSpec("any", agent="test.pinned"),
        StepSpec("end", agent="test.pinned", needs=("old", "any")),
    ),
)


@contextmanager
def _deployed(version: int) -> Iterator[None]:
    def answer(_task: Task) -> Any:
        return {"version": version}

    contract = AgentContract(name="test.pinned", version=version)
    with catalogue.overlay({"test.pinned": RegisteredAgent(contract, answer, "here")}), mute_dispatch():
        yield


def _enter_worker() -> None:
    WorkerProcess.objects.create(
        name="w", host="", pid=0, queues=["steps"], agents=sorted(answered_names()), concurrency=1
    )


def test_a_step_waits_for_the_version_it_names_and_goes_on_when_it_is_back() -> None:
    with _deployed(1):
        runs.publish(SPEC)
        run = runs.start("pinned", {})
    with _deployed(2):
        _enter_worker()
        stands = drive(run.pk)
        assert wake_known_agents() == []
    assert (stands.status, stands.outputs) == ("running", {"any": {"version": 2}})
    old = stands.steps["old"]
    assert (old.status, old.attempt, old.waits_for) == ("available", 0, "agent")

    with _deployed(1):
        _enter_worker()
        assert wake_known_agents() == [old.pk]
        done = drive(run.pk)
    assert done.status == "succeeded"
    assert done.outputs["old"] == {"version": 1}
    assert [one.agent_version for one in Step.objects.get(pk=old.pk).attempts.all()] == [1]
    assert runs.verify(run.pk).fault is None


def test_publishing_refuses_a_version_that_the_code_does_not_have() -> None:
    with _deployed(2), pytest.raises(SpecInvalid, match=r"test\.pinned@1"):
        runs.publish(SPEC)
