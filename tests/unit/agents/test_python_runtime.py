import asyncio
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from agents import Task
from agents.domain.catalogue import RegisteredAgent
from agents.domain.contract import AgentContract
from agents.runtimes.loops import loops
from agents.runtimes.python import PythonRuntime


def run(function: Any, task: Task, timeout_seconds: float = 5.0, grace_seconds: float = 5.0) -> object:
    agent = RegisteredAgent(AgentContract("test.agent"), function, place="here")
    return PythonRuntime(grace_seconds).run(agent, task, timeout_seconds)


async def name_loop_thread(task: Task) -> str:
    return f"{os.getpid()}"


def test_a_coroutine_that_blocks_the_loop_does_not_hold_its_caller(task: Task) -> None:
    release = threading.Event()

    async def block(task: Task) -> None:
        release.wait(10)

    with pytest.raises(TimeoutError, match=r"did not give way within 0\.01 s"):
        run(block, task, timeout_seconds=0.01, grace_seconds=0.01)
    release.set()
    assert run(name_loop_thread, task) == str(os.getpid())


def test_a_coroutine_that_swallows_its_cancellation_does_not_hold_its_caller(task: Task) -> None:
    async def cling(task: Task) -> None:
        while not asleep.is_set():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                asleep_once.set()

    asleep, asleep_once = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError, match="swallows its cancellation"):
        run(cling, task, timeout_seconds=0.01, grace_seconds=0.05)
    assert asleep_once.is_set()
    asleep.set()
    _cancel_left_over_tasks(task)


def _cancel_left_over_tasks(task: Task) -> None:
    async def sweep(_task: Any) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    agent = RegisteredAgent(AgentContract("test.sweep"), sweep, place="here")
    PythonRuntime().run(agent, task, 5)


class LimitReached(Exception):
    pass


def test_an_interrupted_caller_takes_its_coroutine_along(task: Task) -> None:
    cancelled = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise LimitReached

    caller = threading.get_ident()

    async def hang(task: Task) -> None:
        waiting = threading.Condition.wait.__code__
        while sys._current_frames()[caller].f_code is not waiting:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0)
        signal.pthread_kill(caller, signal.SIGUSR1)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(LimitReached):
            run(hang, task)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert cancelled.wait(5)


def test_one_loop_serves_the_process(task: Task) -> None:
    chosen = {id(loops.choose()) for _ in range(3)}
    threads = [thread for thread in threading.enumerate() if thread.name == "agents-event-loop"]
    assert (len(chosen), len(threads)) == (1, 1)
