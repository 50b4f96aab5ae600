"""What an agent does to a database connection is gone when the next one gets it; what it lost is said."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import OperationalError, ProgrammingError, connection, transaction

from agents.domain.invocation import FailureKind, Task
from agents.invoke import invoke, override
from agents.sessions.base import DatabaseWrapper
from orchestration.database.statements import fetch_one
from orchestration.worker import current_host
from tests.integration.agents.habits.conftest import TASK, Call, failure_of, output_of
from tests.integration.orchestration.rig import in_thread

pytestmark = pytest.mark.django_db(transaction=True)

_LOOK = """
SELECT current_user::text AS who, session_user::text AS as_whom, pg_my_temp_schema()::int AS temporary,
    (SELECT json_object_agg(name, setting) FROM pg_settings
        WHERE source = 'session' AND name <> 'TimeZone' OR name = 'search_path')::text AS settings,
    current_setting('TimeZone') AS zone,
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
    (SELECT count(*) FROM pg_listening_channels()) AS channels,
    (SELECT count(*) FROM pg_cursors WHERE is_holdable) AS cursors,
    (SELECT count(*) FROM pg_prepared_statements WHERE from_sql) AS plans,
    (SELECT count(*) FROM pg_class WHERE relname = 'left_behind') AS tables
"""


def _look() -> Any:
    """Look as the engine does: on what the pool gives, with a plan that stays on the connection."""
    row = fetch_one(_LOOK, {})
    return row._replace(temporary=0)  # the schema's number stays, empty


def _backend() -> int:
    connection.ensure_connection()
    pid: int = connection.connection.info.backend_pid
    return pid


@pytest.mark.parametrize(
    "habit",
    [
        "SET search_path TO nowhere",
        "SET statement_timeout = '1ms'",
        "SET default_transaction_read_only = on",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET TIME ZONE 'Asia/Tokyo'",
        "SET ROLE pg_monitor",
        "SET SESSION AUTHORIZATION pg_monitor",
        "SET app.tenant = 'acme'",
        "SELECT pg_advisory_lock(42)",
        "LISTEN gossip",
        "CREATE TEMP TABLE left_behind (id int)",
        "DECLARE held CURSOR WITH HOLD FOR SELECT 1",
        "PREPARE mine AS SELECT 1",
        "DEALLOCATE ALL",
    ],
)
@pytest.mark.parametrize("closes", [False, True], ids=["leaves", "closes"])
def test_a_habit_ends_with_its_agent(pool: Any, call: Call, habit: str, closes: bool) -> None:
    # given: a connection on which the engine has planned
    before, backend = _look(), _backend()

    def body(task: Task) -> str:
        with connection.cursor() as cursor:
            cursor.execute(habit)
        if closes:
            connection.close()
        return "done"

    # when
    assert output_of(call(body)) == "done"

    # then: the same connection, as it was
    assert _look() == before
    assert _backend() == backend


def test_the_plans_of_the_engine_stay(pool: Any, call: Call) -> None:
    _look()
    call(lambda _: Group.objects.count())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (1,)


def test_plans_that_were_thrown_away_unseen_end_their_connection(pool: Any, call: Call) -> None:
    _look()

    def body(task: Task) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")

    output_of(call(body))
    with pytest.raises(OperationalError, match="out of date"):
        _look()


def test_plans_that_were_thrown_away_unseen_end_their_transaction_too(pool: Any) -> None:
    """Else whoever goes on after the error would commit, and PostgreSQL would take it for a rollback without a word."""
    _look()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
        with pytest.raises(OperationalError, match="out of date"):
            _look()
        assert connection.needs_rollback


def test_a_changed_connection_object_is_dropped(pool: Any, call: Call) -> None:
    backend = _backend()

    def body(task: Task) -> None:
        connection.ensure_connection()
        connection.connection.add_notice_handler(print)

    output_of(call(body))
    assert _backend() != backend


def _leave_atomic(task: Task) -> None:
    transaction.atomic().__enter__()
    Group.objects.create(name="lost")


def _leave_autocommit_off(task: Task) -> None:
    transaction.set_autocommit(False)
    Group.objects.create(name="lost")


def _leave_begun(task: Task) -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
    Group.objects.create(name="lost")


def _leave_broken(task: Task) -> None:
    transaction.atomic().__enter__()
    with suppress(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")


_LEAVING = [_leave_atomic, _leave_autocommit_off, _leave_begun, _leave_broken]


@pytest.mark.parametrize("body", _LEAVING)
def test_an_agent_that_ends_inside_its_transaction_has_not_done_its_work(
    pool: Any, call: Call, body: Any
) -> None:
    failure = failure_of(call(body))
    assert failure.kind is FailureKind.PERMANENT
    assert failure.error_class == "agents.errors.LeftTransactionOpen"
    assert "the database 'default'; what it wrote there was rolled back" in failure.message
    assert not Group.objects.filter(name="lost").exists()
    assert not connection.in_atomic_block
    assert output_of(call(lambda _: Group.objects.filter(name="lost").count())) == 0


@pytest.mark.parametrize("body", _LEAVING)
def test_its_own_error_counts_for_more(pool: Any, call: Call, body: Any) -> None:
    def fail(task: Task) -> None:
        body(task)
        raise TimeoutError("the far side")

    failure = failure_of(call(fail))
    assert (failure.kind, failure.message) == (FailureKind.TIMEOUT, "the far side")
    assert not Group.objects.filter(name="lost").exists()


def test_who_only_read_has_lost_nothing(pool: Any, call: Call) -> None:
    def body(task: Task) -> int:
        transaction.set_autocommit(False)
        return Group.objects.filter(name="lost").count()

    assert output_of(call(body)) == 0
    assert transaction.get_autocommit()


def test_what_it_committed_stays(pool: Any, call: Call) -> None:
    def body(task: Task) -> None:
        with transaction.atomic():
            Group.objects.create(name="kept")

    output_of(call(body))
    assert Group.objects.filter(name="kept").delete()[0] == 1


def test_the_wrapper_that_an_agent_gets_is_nobody_else_s(pool: Any, call: Call) -> None:
    def body(task: Task) -> None:
        connection.execute_wrappers.append(lambda *_: 1 / 0)
        transaction.on_commit(lambda: None)

    before = connection.execute_wrappers
    output_of(call(body))
    assert connection.execute_wrappers is before
    assert before == []


def test_the_engine_s_own_connection_is_not_put_right(
    pool: Any, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(lambda _: None)
    monkeypatch.setattr(DatabaseWrapper, "_put_right", lambda *_: pytest.fail("that costs a round trip"))
    _look()
    connection.close()
    assert output_of(call(lambda _: "no database")) == "no database"


def test_a_thread_that_never_gave_its_connection_back_takes_none_from_the_pool(pool: Any, call: Call) -> None:
    def body(task: Task) -> None:
        thread = threading.Thread(target=Group.objects.count)
        thread.start()
        thread.join()
        del thread
        gc.collect()

    for _ in range(3):
        output_of(call(body))
    assert Group.objects.count() >= 0


def test_inside_another_s_transaction_only_the_agent_s_blocks_are_undone(call: Call) -> None:
    with transaction.atomic():
        Group.objects.create(name="outer")
        with override({"test.habits": _leave_atomic}):
            failure = failure_of(invoke("test.habits", TASK, timeout_seconds=5))
        assert failure.error_class == "agents.errors.LeftTransactionOpen"
        assert set(Group.objects.filter(name__in=["outer", "lost"]).values_list("name", flat=True)) == {
            "outer"
        }
        transaction.set_rollback(True)


def test_threads_of_an_agent_s_own_keep_nothing_of_the_pool(pool: Any, call: Call) -> None:
    with ThreadPoolExecutor(3) as kept:
        together = threading.Barrier(3, timeout=10)

        def ask(_: int) -> int:
            together.wait()
            count = Group.objects.count()
            together.wait()
            return count

        def body(task: Task) -> list[int]:
            return list(kept.map(ask, range(3)))

        for _ in range(2):
            assert output_of(call(body)) == [Group.objects.count()] * 3
        # its threads and their connections are still there, and the pool has its only one for the engine
        assert _look()


def test_a_thread_of_an_agent_s_own_finds_the_database_after_a_restart(pool: Any, call: Call) -> None:
    with ThreadPoolExecutor(1) as kept:

        def body(task: Task) -> int:
            return kept.submit(Group.objects.count).result(10)

        output_of(call(body))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert failure_of(call(body)).kind is FailureKind.TRANSIENT
        assert output_of(call(body)) == Group.objects.count()


def test_a_thread_that_works_for_the_engine_shares_the_pool(pool: Any, call: Call) -> None:
    call(lambda _: Group.objects.count())
    connection.close()

    def ask() -> bool:
        with current_host():
            connection.ensure_connection()
            is_shared: bool = connection.pool is pool  # type: ignore[attr-defined]  # only PostgreSQL has pools
            connection.close()
            return is_shared

    assert in_thread(ask).result(timeout=10)


def _to_thread(act: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    return partial(asyncio.to_thread, act)


@pytest.mark.parametrize("go", [sync_to_async, _to_thread], ids=["sync_to_async", "to_thread"])
def test_a_coroutine_s_threads_share_the_pool(pool: Any, call: Call, go: Any) -> None:
    def ask() -> bool:
        connection.ensure_connection()
        is_shared: bool = connection.pool is pool  # type: ignore[attr-defined]  # only PostgreSQL has pools
        return is_shared

    async def body(task: Task) -> bool:
        answer: bool = await go(ask)()
        return answer

    assert output_of(call(body)) is True
