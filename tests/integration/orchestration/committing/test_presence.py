"""When a process counts as dead, seen from real sessions with real locks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from orchestration.models import WorkerProcess
from orchestration.presence import (
    Presence,
    beat,
    beat_blocked,
    enter_process,
    leave_process,
    lock_process,
    retire_dead,
    try_to_lead,
)
from orchestration.worker.sessions import open_session
from tests.processes import wait_for

_LEASE = 2.0  # the test's server runs for longer than that already
_BEAT = 0.0001  # two of these have passed by the time anybody looks


@pytest.fixture
def watcher() -> Iterator[psycopg.Connection[Any]]:
    with open_session("watcher") as session:
        yield session


@pytest.fixture
def worker() -> Iterator[psycopg.Connection[Any]]:
    with open_session("worker") as session:
        yield session


@pytest.fixture(autouse=True)
def _nobody_else() -> None:
    WorkerProcess.objects.all().delete()


def _enter(session: psycopg.Connection[Any], name: str = "w") -> int:
    return enter_process(session, Presence(name, "host", 1, ["steps"], ["x.y"], 4), _LEASE)


def _hang_up(session: psycopg.Connection[Any]) -> None:
    """Close a session and wait until the server knows: only then its locks are free."""
    pid = session.info.backend_pid
    session.close()
    wait_for(lambda: not _is_known(pid), what="the server to end the session")


def _is_known(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone() is not None


def _retire(watcher: psycopg.Connection[Any], lease: float = _LEASE, heartbeat: float = _BEAT) -> list[int]:
    return retire_dead(watcher, lease_seconds=lease, heartbeat_seconds=heartbeat)


def test_who_holds_the_lock_is_alive_though_beats_are_missed(watcher: Any, worker: Any) -> None:
    _enter(worker)
    assert _retire(watcher) == []


def test_who_lost_the_lock_and_missed_two_beats_is_dead(watcher: Any, worker: Any) -> None:
    process_id = _enter(worker)
    _hang_up(worker)
    assert _retire(watcher, heartbeat=60.0) == []  # no beat missed yet: it may only have reconnected
    assert _retire(watcher) == [process_id]
    row = WorkerProcess.objects.get(pk=process_id)
    assert row.died
    assert row.stopped_at is not None
    assert _retire(watcher) == []


def test_a_lease_that_ran_out_is_death_whoever_holds_the_lock(watcher: Any, worker: Any) -> None:
    process_id = _enter(worker)
    assert _retire(watcher, lease=0.0) == [process_id]


def test_after_postgresql_started_free_locks_mean_nothing_for_a_lease(watcher: Any, worker: Any) -> None:
    process_id = _enter(worker)
    _hang_up(worker)
    younger_than_the_lease = 10.0**8
    assert _retire(watcher, lease=younger_than_the_lease) == []
    assert _retire(watcher) == [process_id]


def test_who_was_declared_dead_must_enter_anew(watcher: Any, worker: Any) -> None:
    process_id = _enter(worker)
    report: dict[str, Any] = {"busy": 3, "last_claim_at": None, "newest_dispatch_at": None}
    assert beat(worker, process_id, **report)
    assert WorkerProcess.objects.get(pk=process_id).busy == 3
    _retire(watcher, lease=0.0)
    assert not beat(worker, process_id, **report)


def test_a_block_is_told_since_it_began_and_the_next_one_since_its_own_beginning(worker: Any) -> None:
    process_id = _enter(worker)

    def since(seconds: float) -> float:
        assert beat_blocked(worker, process_id, seconds=seconds, by=None)
        row = WorkerProcess.objects.get(pk=process_id)
        assert row.blocked_at is not None
        assert row.blocked_until is None
        return (row.beat_at - row.blocked_at) / timedelta(seconds=1)

    assert since(60.0) == pytest.approx(60, abs=0.5)
    assert since(70.0) == pytest.approx(70, abs=0.5)
    # Also when its end could not be written, as while the database was away.
    assert since(20.0) == pytest.approx(20, abs=0.5)
    assert beat(worker, process_id, busy=0, last_claim_at=None, newest_dispatch_at=None)
    assert since(25.0) == pytest.approx(25, abs=0.5)


def test_a_blocked_process_that_was_declared_dead_is_not_beaten_for(watcher: Any, worker: Any) -> None:
    process_id = _enter(worker)
    _retire(watcher, lease=0.0)
    before = WorkerProcess.objects.get(pk=process_id)
    assert not beat_blocked(worker, process_id, seconds=60.0, by=None)
    after = WorkerProcess.objects.get(pk=process_id)
    assert (after.beat_at, after.blocked_at) == (before.beat_at, None)


def test_a_lock_that_a_ghost_still_holds_is_not_waited_for(watcher: Any, worker: Any) -> None:
    # given: a session that the server still believes in
    process_id = _enter(worker)
    # when its process comes back on another session, then it learns at once that it must enter anew
    watcher.execute("SET lock_timeout = '2s'")
    assert not lock_process(watcher, process_id)
    _hang_up(worker)
    assert lock_process(watcher, process_id)


def test_the_server_itself_ends_sessions_whose_peer_is_gone(worker: Any) -> None:
    def shown(name: str) -> str:
        row = worker.execute(f"SHOW {name}").fetchone()
        return str(row[0])

    assert [shown(f"tcp_keepalives_{name}") for name in ("idle", "interval", "count")] == ["5", "2", "3"]
    assert shown("tcp_user_timeout") in {"5s", "5000"}


def test_a_namesake_is_retired_only_if_its_lock_is_free(watcher: Any, worker: Any) -> None:
    first = _enter(worker)
    second = _enter(watcher)
    assert WorkerProcess.objects.get(pk=first).stopped_at is None
    _hang_up(worker)
    with open_session("third") as third:
        _enter(third, name="another")
        assert WorkerProcess.objects.get(pk=first).stopped_at is None
        _enter(third)
    assert WorkerProcess.objects.get(pk=first).died
    assert WorkerProcess.objects.get(pk=second).stopped_at is None


def test_who_leaves_in_order_did_not_die(worker: Any) -> None:
    process_id = _enter(worker)
    leave_process(worker, process_id)
    row = WorkerProcess.objects.get(pk=process_id)
    assert (row.died, row.stopped_at is not None) == (False, True)


def test_one_maintainer_leads_and_another_follows_when_it_is_gone(watcher: Any, worker: Any) -> None:
    assert try_to_lead(worker)
    assert not try_to_lead(watcher)
    _hang_up(worker)
    assert try_to_lead(watcher)
