"""Circles of questions that each were in order when they were asked: the youngest fails, all others are answered."""

from typing import Any

import pytest

from agents import Task
from agents.errors import AskCycle
from orchestration import StepSpec, WorkflowSpec, actors
from orchestration.actors.circles import break_circles
from orchestration.models import Call, Message, Run
from orchestration.testing import drive_all, run_workflow
from tests.integration.orchestration.actors.conftest import Behave, Fakes

pytestmark = pytest.mark.django_db

ONCE = {"on_failure": "abort"}


def _ask(task: Task) -> Any:
    """Ask whom the first message names; answer others."""
    body = task.messages[0].body
    if body == "?":
        return f"{task.key} answers"
    try:
        return [task.ask(to, "?", timeout_seconds=600) for to in body]
    except AskCycle as error:
        return f"circle: {error}"


@pytest.fixture
def peers(behave: Behave) -> Fakes:
    return behave("a.a", _ask, step=ONCE)


def _outputs() -> dict[str, Any]:
    """Return what each actor's first turn put out."""
    firsts = Run.objects.filter(actor__isnull=False, idempotency_key__endswith=".1").select_related("actor")
    return {run.actor.key: run.steps.get().output for run in firsts if run.actor is not None}


def test_of_two_that_ask_each_other_the_younger_question_fails(peers: Fakes) -> None:
    actors.send("a.a/1", ["a.a/2"])
    actors.send("a.a/2", ["a.a/1"])
    drive_all(agents=peers)
    said = _outputs()
    [failed] = [key for key, each in said.items() if "circle" in each]
    [answered] = set(said) - {failed}
    assert said[answered] == [f"{failed} answers"]
    assert f"a.a/{failed} asks a.a/{answered}" in said[failed]
    youngest = Message.objects.filter(kind="ask").latest("pk")
    assert youngest.sender == f"a.a/{failed}"
    reply = Message.objects.get(answers=youngest, is_failure=True)
    assert (reply.sender, reply.refusal) == (f"a.a/{answered}", "")


@pytest.mark.parametrize("size", [3, 5])
def test_a_longer_circle_loses_one_question(peers: Fakes, size: int) -> None:
    for number in range(size):
        actors.send(f"a.a/{number}", [f"a.a/{(number + 1) % size}"])
    drive_all(agents=peers)
    said = _outputs()
    assert sum("circle" in each for each in said.values()) == 1
    assert len(said) == size
    assert not Run.objects.filter(status="running").exists()


def test_two_circles_apart_lose_one_question_each(peers: Fakes) -> None:
    for one, two in (("1", "2"), ("3", "4")):
        actors.send(f"a.a/{one}", [f"a.a/{two}"])
        actors.send(f"a.a/{two}", [f"a.a/{one}"])
    drive_all(agents=peers)
    said = _outputs()
    failed = {key for key, each in said.items() if "circle" in each}
    assert len(failed & {"1", "2"}) == len(failed & {"3", "4"}) == 1


def test_a_knot_of_circles_is_undone_one_by_one(peers: Fakes) -> None:
    actors.send("a.a/1", ["a.a/2", "a.a/3"])
    actors.send("a.a/2", ["a.a/3"])
    actors.send("a.a/3", ["a.a/1"])
    drive_all(agents=peers)
    assert not Run.objects.filter(status="running").exists()
    assert not Call.objects.filter(state="open").exists()


def test_who_waits_in_a_row_is_let_wait(peers: Fakes) -> None:
    """1 asks 2, which asks 3, which waits for somebody outside the circle: nobody is failed."""

    def turn(task: Task) -> Any:
        if task.key == "3":
            return task.wait_for("go", timeout_seconds=600)
        return _ask(task)

    actors.send("a.a/3", "begin")
    actors.send("a.a/1", ["a.a/2"])
    actors.send("a.a/2", ["a.a/3"])
    drive_all(agents={"a.a": turn})
    assert Call.objects.filter(state="open", kind="message").count() == 2
    assert break_circles() == 0
    assert not Message.objects.filter(kind="reply").exists()


def test_a_workflow_that_asks_is_in_no_circle(peers: Fakes) -> None:
    spec = WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),))

    def asker(task: Task) -> Any:
        return task.ask("a.a/1", ["a.a/2"], timeout_seconds=600)

    run_workflow(spec, agents=peers | {"asker": asker})
    actors.send("a.a/2", ["a.a/1"])
    drive_all(agents=peers)
    assert not Call.objects.filter(run__actor__isnull=False, state="open").exists()
    assert sum("circle" in str(each) for each in _outputs().values()) == 1
