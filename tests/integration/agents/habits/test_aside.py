"""What coroutines do in threads: connections that last as long as the work, and no longer."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection, transaction

from agents.domain.invocation import FailureKind, Task
from tests.integration.agents.habits.conftest import Call, failure_of, output_of
from tests.integration.orchestration.rig import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


async def _ask_itself(task: Task) -> int:
    return await Group.objects.acount()


async def _ask_by_bridge(task: Task) -> int:
    return await sync_to_async(Group.objects.count)()


async def _ask_by_loose_bridge(task: Task) -> int:
    return await sync_to_async(Group.objects.count, thread_sensitive=False)()


async def _ask_in_thread(task: Task) -> int:
    return await asyncio.to_thread(Group.objects.count)


async def _ask_in_executor(task: Task) -> int:
    return await asyncio.get_running_loop().run_in_executor(None, Group.objects.count)


_ASKING = [_ask_itself, _ask_by_bridge, _ask_by_loose_bridge, _ask_in_thread, _ask_in_executor]


@pytest.mark.parametrize("body", _ASKING)
def test_a_coroutine_finds_the_database_after_a_restart(pool: Any, call: Call, body: Any) -> None:
    # given: a coroutine that was served, and then its database lost all sessions
    output_of(call(body))
    in_thread(_terminate_all).result(timeout=10)
    pool.check()  # as the engine's own claim finds it before any agent is called

    # then: the next one is served
    assert output_of(call(body)) == Group.objects.count()


def _terminate_all() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("body", _ASKING)
def test_a_coroutine_keeps_no_connection(pool: Any, call: Call, body: Any) -> None:
    for _ in range(3):  # more than the pool has
        output_of(call(body))
    assert Group.objects.count() >= 0


def test_a_transaction_may_span_several_pieces(call: Call) -> None:
    async def body(task: Task) -> bool:
        block = transaction.atomic()
        await sync_to_async(block.__enter__)()
        await Group.objects.acreate(name="undone")
        await sync_to_async(transaction.set_rollback)(True)
        await sync_to_async(block.__exit__)(None, None, None)
        return await Group.objects.filter(name="undone").aexists()

    assert output_of(call(body)) is False


def _leave_open() -> None:
    transaction.set_autocommit(False)
    Group.objects.create(name="lost")


async def _leave_by_bridge(task: Task) -> None:
    await sync_to_async(_leave_open)()


async def _leave_in_thread(task: Task) -> None:
    await asyncio.to_thread(_leave_open)


@pytest.mark.parametrize("body", [_leave_by_bridge, _leave_in_thread])
def test_a_coroutine_that_ends_inside_its_transaction_has_not_done_its_work(
    pool: Any, call: Call, body: Any
) -> None:
    failure = failure_of(call(body))
    assert (failure.kind, failure.error_class) == (
        FailureKind.PERMANENT,
        "agents.errors.LeftTransactionOpen",
    )
    assert not Group.objects.filter(name="lost").exists()


@pytest.mark.parametrize("ask", _ASKING)
def test_a_habit_in_a_thread_ends_with_the_work(pool: Any, call: Call, ask: Any) -> None:
    def wander() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO nowhere")

    async def body(task: Task) -> None:
        await asyncio.to_thread(wander)
        await sync_to_async(wander)()

    output_of(call(body))
    # then: neither the engine nor another agent, in whatever thread it asks, meets it
    assert output_of(call(ask)) == Group.objects.count()
