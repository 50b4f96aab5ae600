"""Mail becomes turns: one at a time, in order, with what each sends; or not at all."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.models import Actor, Delivery, Message, Run
from orchestration.testing import drive, drive_all, run_workflow

pytestmark = pytest.mark.django_db

CASE = WorkflowSpec(name="case", actor="support.case", steps=(StepSpec("turn", agent="support.case"),))


def test_a_message_makes_an_actor_and_a_turn() -> None:
    heard = []

    def listen(task: Task) -> dict[str, bool]:
        heard.append([mail.body for mail in task.messages])
        return {"ok": True}

    publish(CASE, {"support.case": listen})
    sent = actors.send("support.case/4711", {"text": "hello"})
    [turn] = drive_all(agents={"support.case": listen})
    assert heard == [[{"text": "hello"}]]
    assert turn.status == "succeeded"
    assert Delivery.objects.get(message=sent).state == "done"
    assert Actor.objects.get().address == "support.case/4711"


def publish(spec: WorkflowSpec, agents: Mapping[str, Callable[[Task], Any]]) -> None:
    with override(agents):
        runs.publish(spec)


def test_turns_come_one_after_another_and_send() -> None:
    def turn(task: Task) -> Result:
        [mail] = task.messages
        if mail.body["left"]:
            task.send("support.case/other", {"left": mail.body["left"] - 1})
        return Result({"left": mail.body["left"]})

    agents = {"support.case": turn}
    publish(CASE, agents)
    actors.send("support.case/one", {"left": 3})
    actors.send("support.case/one", {"left": 0})
    drive_all(agents=agents)
    assert [m.hops for m in Message.objects.order_by("pk")] == [0, 0, 1, 2, 3]
    assert Run.objects.filter(actor__key="one").count() == 2
    assert Run.objects.filter(actor__key="other").count() == 3
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_a_turn_is_proven_as_any_run_and_whose_it_is_too() -> None:
    agents: dict[str, Callable[[Task], Any]] = {"support.case": lambda _task: {}}
    publish(CASE, agents)
    actors.send("support.case/one", {})
    [turn] = drive_all(agents=agents)
    assert runs.verify(turn.run.pk).fault is None
    other = Actor.objects.create(project=turn.run.project, name="support.case", key="other", made_by="code")
    for actor in (other, None):
        Run.objects.filter(pk=turn.run.pk).update(actor=actor)
        assert "actor is not the one" in (runs.verify(turn.run.pk).fault or "")


def test_an_answer_that_fails_sends_nothing() -> None:
    def turn(task: Task) -> Result:
        task.send("support.case/other", {"left": 0})
        raise ValueError("no")

    agents = {"support.case": turn}
    publish(CASE, agents)
    actors.send("support.case/one", {"left": 3})
    drive_all(agents=agents)
    assert Message.objects.count() == 1


def test_what_is_asked_is_answered_by_the_turn() -> None:
    asking = WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),))
    agents = {
        "support.case": lambda task: {"twice": task.messages[0].body["n"] * 2},
        "asker": lambda task: task.ask("support.case/x", {"n": 21}, timeout_seconds=60),
    }
    publish(CASE, agents)
    done = run_workflow(asking, agents=agents)
    assert done.waiting == ["ask"]
    drive_all(agents=agents)
    assert drive(done.run.pk, agents=agents).outputs["ask"] == {"twice": 42}
