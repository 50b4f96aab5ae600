"""Questions and answers around a claim that need real commits: cancellation, durable aborts, running on."""

import asyncio
from contextlib import suppress

import pytest
from django.db import DataError, connection, transaction
from django.db.models.functions import Now

from orchestration.executor.cancellation import ask_whether_cancelled
from orchestration.models import WorkerProcess
from orchestration.transitions.finish import new_run_on
from tests.integration.orchestration.rig import AGENT, Rig, graph, in_thread

pytestmark = pytest.mark.django_db(transaction=True)

SPEC = graph({"a": (), "b": ["a"]})


def test_a_coroutine_and_a_thread_may_ask_whether_their_work_is_wanted() -> None:
    rig = Rig.begin(SPEC)
    claim = rig.take("a")
    is_cancelled = ask_whether_cancelled(claim)

    async def ask() -> bool:
        return is_cancelled()

    assert (is_cancelled(), asyncio.run(ask())) == (False, False)
    rig.free(claim)
    assert (is_cancelled(), asyncio.run(ask())) == (True, True)


def test_asking_holds_no_connection() -> None:
    rig = Rig.begin(SPEC)
    is_cancelled = ask_whether_cancelled(rig.take("a"))
    connection.close()
    assert not is_cancelled()
    assert connection.connection is None


def test_a_kept_connection_that_broke_is_not_asked_for_ever() -> None:
    rig = Rig.begin(SPEC)
    claim = rig.take("a")
    is_cancelled = ask_whether_cancelled(claim)
    rig.free(claim)
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    in_thread(lambda: _terminate(backend)).result(timeout=10)  # as a server does that restarts
    assert not is_cancelled(), "while the database is away the agent goes on"
    assert is_cancelled()


def _terminate(backend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


@pytest.mark.parametrize(
    "habit", ["BEGIN; SELECT 1/0", "BEGIN; SET search_path TO nowhere", "SET search_path TO nowhere"]
)
def test_what_an_agent_did_to_its_connection_changes_no_answer(habit: str) -> None:
    rig = Rig.begin(SPEC)
    claim = rig.take("a")
    is_cancelled = ask_whether_cancelled(claim)
    with suppress(DataError), connection.cursor() as cursor:
        cursor.execute(habit)
    theirs = connection.connection
    standing = theirs.info.transaction_status
    assert not is_cancelled()
    assert theirs.info.transaction_status is standing, "its transaction is not broken by a question"
    in_thread(lambda: rig.free(claim)).result(timeout=10)
    assert is_cancelled()
    assert connection.connection is theirs, "the agent goes on with its own"
    connection.close()


def test_an_abort_is_committed_like_any_answer() -> None:
    rig = Rig.begin(SPEC)
    claim = rig.take("a")
    with transaction.atomic(), connection.cursor() as cursor:
        rig.fail(claim)
        cursor.execute("SELECT source FROM pg_settings WHERE name = 'synchronous_commit'")
        assert cursor.fetchone() != ("session",)
    assert rig.run.status == "failed"


def test_a_process_that_was_declared_dead_does_not_run_on() -> None:
    # given: a process that is found dead while its step is under way
    rig = Rig.begin(SPEC)
    claim = rig.take("a")
    WorkerProcess.objects.filter(pk=rig.process_id).update(stopped_at=Now(), died=True)

    # when: it was only slow, and finishes before the step was freed
    done = rig.finish(claim, run_on=new_run_on(rig.step("b").pk, "task", [AGENT]))

    # then: the step counts, the next one is left to the living
    assert done.finished is not None
    assert done.finished.next_claim is None
    assert rig.statuses() == {"a": "succeeded", "b": "available"}
