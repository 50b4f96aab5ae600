"""What an actor keeps between its turns: with the accepted answer or not at all, and what the turn before left."""

from typing import Any

import pytest
from pydantic import BaseModel

from agents import Result, Task, agent
from agents.domain.catalogue import catalogue
from orchestration import StepSpec, WorkflowSpec, actors
from orchestration.memory.rows import Memory
from orchestration.models import Run
from orchestration.testing import drive_all, run_workflow
from tests.integration.orchestration.actors.conftest import Behave

pytestmark = pytest.mark.django_db


def test_each_turn_sees_what_the_one_before_left(behave: Behave) -> None:
    seen: dict[str, list[Any]] = {"1": [], "2": []}

    def turn(task: Task) -> int:
        former = task.state
        seen[str(task.key)].append(former)
        task.state = {"sum": -1}
        task.state = {"sum": (former or {"sum": 0})["sum"] + task.messages[0].body}
        assert task.state["sum"] >= 0
        return 1

    fakes = behave("support.case", turn)
    for number in (1, 2, 3):
        actors.send("support.case/1", number)
    actors.send("support.case/2", 5)
    drive_all(agents=fakes)
    assert seen == {"1": [None, {"sum": 1}, {"sum": 3}], "2": [None]}
    assert Memory.objects.filter(scope="actor", scope_id="support.case/1").count() == 3


def test_an_attempt_that_fails_keeps_nothing(behave: Behave) -> None:
    tries: list[Any] = []

    def turn(task: Task) -> int:
        tries.append(task.state)
        task.state = {"tries": len(tries)}
        if len(tries) == 1:
            raise ConnectionError("away")
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    drive_all(agents=fakes)
    assert tries == [None, None]
    assert [memory.value_json for memory in Memory.objects.all()] == ['{"tries":2}']


def test_nothing_else_of_a_task_is_assigned(behave: Behave) -> None:
    def turn(task: Task) -> int:
        task.token = "mine"  # type: ignore[misc]
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    [held] = drive_all(agents=fakes)
    assert "cannot assign to field 'token'" in held.steps["turn"].reason


def test_a_run_that_is_no_turn_has_no_state(behave: Behave) -> None:
    def plain(task: Task) -> int:
        assert task.state is None
        task.state = 1
        return 1

    done = run_workflow(
        WorkflowSpec(name="plain", steps=(StepSpec("one", agent="plain"),)), agents={"plain": plain}
    )
    assert "only a turn of an actor has one" in done.steps["one"].reason


class Case(BaseModel):
    """A state with a default."""

    customer: str = "nobody"
    letters: int = 0


def test_a_model_is_handed_out_and_checked() -> None:
    @agent("state.case", mailbox=1, state_schema=Case)
    def turn(task: Task) -> Result:
        case: Case = task.state
        if task.messages[0].body == "spoil":
            task.state = {"letters": "many"}
        task.state = case.model_copy(update={"letters": case.letters + 1})
        return Result(case.letters)

    try:
        for body in ("a", "b", "spoil"):
            actors.send("state.case/1", body)
        turns = drive_all()
    finally:
        catalogue._declared.pop("state.case")
    assert [each.outputs.get("turn") for each in turns] == [0, 1, None]
    assert "task.state/letters" in Run.objects.get(status="running").steps.get().reason
