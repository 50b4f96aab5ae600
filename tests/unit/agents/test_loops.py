"""One coroutine that blocks its loop takes no other with it, and is the one that is blamed."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agents.domain.contract import AgentKind
from agents.domain.invocation import Answered, Failed, FailureKind, Outcome, Task
from agents.invoke import _RUNTIMES, invoke, override
from agents.runtimes import loops as module
from agents.runtimes import python
from agents.runtimes.loops import Hold, Loops


@pytest.fixture
def release() -> threading.Event:
    return threading.Event()


@pytest.fixture(autouse=True)
def own_loops(monkeypatch: pytest.MonkeyPatch, release: threading.Event) -> Iterator[Loops]:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(python, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(python, "LOOK_SECONDS", 0.05)
    own = Loops()
    monkeypatch.setattr(python, "loops", own)
    yield own
    release.set()
    own.stop()


class Scene:
    def __init__(self, task: Task, release: threading.Event) -> None:
        self.task, self.release = task, release
        self.begun = threading.Event()
        self.pool = ThreadPoolExecutor(8)

    async def block(self, _task: Task) -> str:
        self.begun.set()
        self.release.wait(10)
        return "late"

    async def polite(self, _task: Task) -> str:
        await asyncio.sleep(0.01)
        return "ok"

    async def waiting(self, _task: Task) -> str:
        self.begun.set()
        await asyncio.sleep(10)
        return "never"

    def call(self, name: str, timeout_seconds: float = 5.0) -> "Any":
        return self.pool.submit(invoke, f"test.{name}", self.task, timeout_seconds=timeout_seconds)

    def block_now(self, name: str = "block") -> "Any":
        blocking = self.call(name)
        assert self.begun.wait(5)
        return blocking


@pytest.fixture
def scene(task: Task, release: threading.Event) -> Iterator[Scene]:
    scene = Scene(task, release)
    fakes = {
        "test.block": scene.block,
        "test.polite": scene.polite,
        "test.waiting": scene.waiting,
        "test.child": lambda task: _in_a_task_of_its_own(scene, task),
    }
    with override(fakes):
        yield scene
        release.set()
        scene.pool.shutdown()


async def _in_a_task_of_its_own(scene: Scene, task: Task) -> str:
    return await asyncio.create_task(scene.block(task))


def _answer(outcome: Outcome) -> Any:
    assert isinstance(outcome, Answered), outcome
    return outcome.output


@pytest.mark.parametrize("holder", ["block", "child"])
def test_others_get_another_loop(
    scene: Scene, own_loops: Loops, holder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # given: a coroutine that blocks the loop, itself or in a task that it began
    blocking = scene.block_now(holder)

    # when: polite ones are called
    outcomes = [scene.call("polite", 3.0) for _ in range(5)]

    # then: they answer meanwhile, and the log says who it was, and where
    assert [_answer(each.result(10)) for each in outcomes] == ["ok"] * 5
    assert not blocking.done()
    assert len(own_loops._all) == 2
    held = own_loops._all[0].hold
    assert held is not None
    assert held.agent == f"test.{holder}"
    assert "threading.py" in held.where

    # and when it has ended, its loop is the first choice again
    scene.release.set()
    assert _answer(blocking.result(10)) == "late"
    assert _answer(scene.call("polite").result(10)) == "ok"
    assert own_loops.choose() is own_loops._all[0]


def test_who_had_begun_is_not_blamed(scene: Scene) -> None:
    # given: a coroutine under way, whose deadline comes while another blocks the loop
    polite = scene.call("waiting", 0.5)
    assert scene.begun.wait(5)
    scene.begun.clear()
    blocking = scene.block_now()

    # then: its failure names the other
    failure = polite.result(10)
    assert isinstance(failure, Failed)
    assert failure.kind is FailureKind.HELD_UP
    assert failure.error_class == "agents.errors.LoopHeld"
    assert "by 'test.block', at " in failure.message
    assert "'test.waiting' could not go on, and is not at fault" in failure.message
    scene.release.set()
    assert _answer(blocking.result(10)) == "late"


def test_who_is_cancelled_after_a_hold_is_not_blamed(scene: Scene, own_loops: Loops) -> None:
    polite = scene.call("waiting", 0.6)
    assert scene.begun.wait(5)
    scene.begun.clear()
    blocking = scene.block_now()
    deadline = time.monotonic() + 5
    while own_loops._all[0].hold is None and time.monotonic() < deadline:
        time.sleep(0.01)
    scene.release.set()
    blocking.result(10)
    failure = polite.result(10)
    assert (failure.kind, failure.error_class) == (FailureKind.HELD_UP, "agents.errors.LoopHeld")


def test_who_holds_the_loop_is_blamed_itself(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_RUNTIMES, AgentKind.PYTHON, python.PythonRuntime(grace_seconds=0.3))
    failure = scene.call("block", 0.2).result(10)
    assert isinstance(failure, Failed)
    assert failure.kind is FailureKind.TIMEOUT
    assert "it blocks the event loop at " in failure.message


def test_who_only_waits_too_long_is_blamed_itself(scene: Scene) -> None:
    failure = scene.call("waiting", 0.3).result(10)
    assert (failure.kind, failure.message) == (
        FailureKind.TIMEOUT,
        "no answer within 0.3 s; the coroutine was cancelled",
    )


def test_a_pause_of_the_whole_process_is_no_hold(own_loops: Loops) -> None:
    thread = own_loops.choose()
    with thread._lock:  # the loop can't answer, but it waits for nothing that an agent does
        thread._asked_at = time.monotonic() - 60
        thread._suspect_holder(time.monotonic())
        thread._suspect_holder(time.monotonic() + 60)
        assert thread.hold is None


def test_a_hold_counts_from_when_a_call_began() -> None:
    hold = Hold("a", "here", 10.0, 15.0)
    assert (hold.overlap(0.0), hold.overlap(12.0), hold.overlap(20.0)) == (5.0, 3.0, -5.0)
