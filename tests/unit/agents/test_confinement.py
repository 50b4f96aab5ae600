"""What a call changes in its thread and context is not there for the next one."""

import asyncio
import contextvars
import decimal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from django.utils import timezone, translation

from agents.domain.invocation import Answered, Task
from agents.invoke import invoke, override

TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """One thread for all calls, as a worker's."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def take(task: Task) -> None:
    TENANT.set("acme")
    translation.activate("de")
    timezone.activate("Asia/Tokyo")
    structlog.contextvars.bind_contextvars(tenant="acme")
    decimal.getcontext().prec = 3


async def take_later(task: Task) -> None:
    take(task)


async def take_aside(task: Task) -> None:
    await asyncio.get_running_loop().run_in_executor(None, take, task)


def look(task: Task) -> list[Any]:
    return [
        TENANT.get(),
        translation.get_language(),
        timezone.get_current_timezone_name(),
        structlog.contextvars.get_contextvars(),
        decimal.getcontext().prec,
    ]


async def look_later(task: Task) -> list[Any]:
    return look(task)


async def look_aside(task: Task) -> list[Any]:
    return await asyncio.get_running_loop().run_in_executor(None, look, task)


@pytest.mark.parametrize("first", [take, take_later, take_aside])
@pytest.mark.parametrize("then", [look, look_later, look_aside])
def test_the_next_call_sees_nothing_of_the_one_before(
    thread: ThreadPoolExecutor, task: Task, first: Any, then: Any
) -> None:
    def call(body: Any) -> Any:
        with override({"test.habits": body}):
            outcome = thread.submit(invoke, "test.habits", task, timeout_seconds=5).result(20)
        assert isinstance(outcome, Answered), outcome
        return outcome.output

    before = call(then)
    assert before[0] == "nobody", "an earlier test's agent was here"
    call(first)
    assert call(then) == before
    assert thread.submit(look, task).result(5)[0] == "nobody"


def test_what_the_caller_bound_is_there_for_the_agent(task: Task) -> None:
    def call() -> Any:
        TENANT.set("ours")
        with override({"test.habits": lambda _: TENANT.get()}):
            return invoke("test.habits", task, timeout_seconds=5)

    outcome = contextvars.Context().run(call)
    assert isinstance(outcome, Answered)
    assert outcome.output == "ours"
    assert threading.current_thread() is threading.main_thread()
