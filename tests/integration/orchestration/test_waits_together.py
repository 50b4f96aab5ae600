"""Several waits at once, of which the first counts: what the others waited for is waited for no longer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents import Task
from orchestration import runs
from orchestration.domain.spec import StepSpec, WorkflowSpec
from orchestration.models import Attempt, Call, Signal
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

SPEC = WorkflowSpec(name="together", steps=(StepSpec("one", agent="test.waiter"),))
Agent = Callable[[Task], Any]


def _run(agent: Agent) -> FinishedRun:
    return run_workflow(SPEC, {}, agents={"test.waiter": agent})


def _drive(run: FinishedRun, agent: Agent, **more: Any) -> FinishedRun:
    return drive(run.run.pk, agents={"test.waiter": agent}, **more)


async def _first(*waits: Any, cancels: bool) -> Any:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending if cancels else ():
        task.cancel()
    return next(task.result() for task in tasks if task in done)


@pytest.mark.parametrize("cancels", [True, False])
@pytest.mark.parametrize("name", ["a", "b"])
def test_the_first_of_two_waits_answers_and_the_other_is_left(cancels: bool, name: str) -> None:
    async def agent(task: Task) -> Any:
        return await _first(task.wait_for("a"), task.wait_for("b"), cancels=cancels)

    run = _run(agent)
    assert run.waiting == ["one"]
    assert [*Call.objects.order_by("path").values_list("path", "awaited_in")] == [
        ("signal:a#1", 1),
        ("signal:b#1", 1),
    ]
    runs.signal(run.run.pk, name, 5)
    done = _drive(run, agent)
    assert done.outputs == {"one": 5}, Attempt.objects.latest("pk").error_message
    assert runs.verify(run.run.pk).holds


def test_a_time_and_a_signal_at_once() -> None:
    async def agent(task: Task) -> Any:
        return await _first(task.wait_for("a"), task.sleep(3600, key="limit"), cancels=True)

    async def waits(task: Task) -> Any:
        return await asyncio.gather(task.wait_for("never"), agent(task))

    assert _run(agent).outputs == {"one": None}  # the time of a test passes at once
    run = _run(waits)
    assert run.waiting == ["one"]
    assert [
        *Call.objects.filter(run=run.run, awaited_in__isnull=False, state="open").values_list(
            "name", flat=True
        )
    ] == ["never"]


def test_who_lost_takes_no_signal_while_the_agent_waits_for_something_else() -> None:
    async def agent(task: Task) -> Any:
        first = await _first(task.wait_for("a", key="x"), task.wait_for("b"), cancels=True)
        kept = await task.once("look", lambda: first)
        return [kept, await task.wait_for("a", key="y")]

    run = _run(agent)
    runs.signal(run.run.pk, "b", 1)
    run = _drive(run, agent)
    assert run.waiting == ["one"]
    runs.signal(run.run.pk, "a", 2)
    assert _drive(run, agent).outputs == {"one": [1, 2]}
    assert Signal.objects.get(name="a").calls.get().path == "signal:a[y]#1"


def test_a_branch_that_is_still_there_goes_on_waiting() -> None:
    async def agent(task: Task) -> Any:
        slow = asyncio.ensure_future(task.wait_for("slow"))
        quick = [await task.wait_for("quick", key="1"), await task.wait_for("quick", key="2")]
        return [*quick, await slow]

    run = _run(agent)
    for name, value in (("quick", 1), ("slow", 2), ("quick", 3)):
        runs.signal(run.run.pk, name, value)
        run = _drive(run, agent)
    assert run.outputs == {"one": [1, 3, 2]}


def test_who_swallows_the_suspension_of_a_branch_is_told_what_to_do() -> None:
    async def agent(task: Task) -> Any:
        left = asyncio.ensure_future(task.wait_for("a"))
        await asyncio.wait([left])  # it is told that nothing came, and nobody looks at that
        return "as if nothing were"

    run = _run(agent)
    assert run.held == ["one"]
    assert "cancel a task whose wait is no longer of use" in Attempt.objects.get().error_message
