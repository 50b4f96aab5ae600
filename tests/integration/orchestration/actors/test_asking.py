"""Questions between actors: answered once, refused in circles, failed with whoever was asked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents import Result, Task
from agents.errors import AskFailed, SignalTimedOut
from orchestration import StepSpec, WorkflowSpec, actors
from orchestration.models import Call, Delivery, Message, Run
from orchestration.testing import FinishedRun, drive, drive_all, run_workflow
from tests.integration.orchestration.actors.conftest import Behave, Fakes

pytestmark = pytest.mark.django_db

ASKING = WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),))


def _ask(task: Task) -> Any:
    try:
        return task.ask("crm.expert/eu", {"n": 21}, timeout_seconds=60)
    except AskFailed as failed:
        return f"failed: {failed}"
    except SignalTimedOut:
        return "late"


def _go(fakes: Fakes, *, times_out: bool = False) -> FinishedRun:
    done = run_workflow(ASKING, agents=fakes)
    drive_all(agents=fakes)
    return drive(done.run.pk, agents=fakes, times_out=times_out)


@pytest.fixture
def expert(behave: Behave) -> Callable[..., Fakes]:
    return lambda turn, **more: behave("crm.expert", turn, **more) | {"asker": _ask}


def test_the_turns_output_answers(expert: Callable[..., Fakes]) -> None:
    assert _go(expert(lambda task: task.messages[0].body["n"] * 2)).outputs == {"ask": 42}


def test_a_reply_goes_before_the_output(expert: Callable[..., Fakes]) -> None:
    def turn(task: Task) -> str:
        task.reply(task.messages[0], "said")
        return "put out"

    assert _go(expert(turn)).outputs == {"ask": "said"}
    assert Message.objects.filter(kind="reply").count() == 1


def test_a_turn_that_fails_fails_the_question(expert: Callable[..., Fakes]) -> None:
    def turn(_: Task) -> Any:
        raise PermissionError("nobody may know")

    said = _go(expert(turn, step={"on_failure": "abort"})).outputs["ask"]
    assert "nobody may know" in said
    assert Delivery.objects.get().state == "dead"


def test_who_is_stopped_answers_with_a_failure(expert: Callable[..., Fakes]) -> None:
    fakes = expert(lambda _: 1)
    actors.send("crm.expert/eu", {"n": 0})
    drive_all(agents=fakes)
    actors.stop("crm.expert/eu", "no more")
    assert "stopped" in _go(fakes).outputs["ask"]
    assert Run.objects.filter(actor__isnull=False).count() == 1


def test_a_late_answer_is_a_dead_letter(expert: Callable[..., Fakes]) -> None:
    fakes = expert(lambda _: 1)
    done = run_workflow(ASKING, agents=fakes)
    assert drive(done.run.pk, agents=fakes, times_out=True).outputs == {"ask": "late"}
    drive_all(agents=fakes)
    reply = Message.objects.get(kind="reply")
    assert "too late" in reply.refusal
    assert Call.objects.get().response_json == '{"timed_out":true}'


def test_an_attempt_that_comes_there_again_asks_once(expert: Callable[..., Fakes]) -> None:
    tries = []

    def ask_then_fail(task: Task) -> Any:
        said = _ask(task)
        tries.append(said)
        if len(tries) == 1:
            raise ConnectionError("away")
        return said

    fakes = expert(lambda task: task.messages[0].body["n"]) | {"asker": ask_then_fail}
    assert _go(fakes).outputs == {"ask": 21}
    assert Message.objects.filter(kind="ask").count() == 1


def test_a_circle_is_refused_at_once(behave: Behave) -> None:
    def ask_b(task: Task) -> Any:
        return task.ask("b.b/1", "go", timeout_seconds=60)

    def ask_a(task: Task) -> Any:
        return task.ask("a.a/1", "go", timeout_seconds=60)

    fakes = behave("a.a", ask_b) | behave("b.b", ask_a, step={"on_failure": "abort"})
    actors.send("a.a/1", "begin")
    turns = drive_all(agents=fakes)
    assert {turn.status for turn in turns} == {"running", "failed"}
    failed = next(turn for turn in turns if turn.status == "failed")
    assert "waits for this turn" in failed.run.reason
    assert Message.objects.filter(kind="ask").count() == 1


def test_agents_that_write_to_each_other_without_end_are_held(behave: Behave) -> None:
    def turn(task: Task) -> Result:
        task.send("a.a/" + ("y" if task.key == "x" else "x"), "more")
        return Result(1)

    fakes = behave("a.a", turn)
    actors.send("a.a/x", "begin")
    drive_all(agents=fakes)
    assert Message.objects.count() == 101
    assert (
        Run.objects.get(status="running")
        .steps.get()
        .reason.startswith("MessageRefused: its messages would be 101 turns away")
    )


def test_questions_to_several_of_one_kind_may_be_under_way_at_once(expert: Callable[..., Fakes]) -> None:
    keys = ("eu", "us", "a#b[c]", "k" * 200)

    async def ask_all(task: Task) -> Any:
        asked = [
            task.ask(f"crm.expert/{key}", {"n": place}, timeout_seconds=60) for place, key in enumerate(keys)
        ]
        return await asyncio.gather(*asked)

    fakes = expert(lambda task: task.messages[0].body["n"] * 10) | {"asker": ask_all}
    done = run_workflow(ASKING, agents=fakes)
    drive_all(agents=fakes)
    assert drive(done.run.pk, agents=fakes).outputs == {"ask": [0, 10, 20, 30]}
    assert Message.objects.filter(kind="ask").count() == 4
