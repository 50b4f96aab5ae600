"""A server that answers, but can't now, as during a switchover: nothing finished is lost, nobody is taken for dead."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import Error, InternalError, connection

from orchestration.domain.work import Facts
from orchestration.executor import conclude_surely, patience
from orchestration.executor.prepare import get_step_spec
from orchestration.maintenance import leader
from orchestration.models import Step, WorkerProcess
from orchestration.outages import is_away
from orchestration.presence import Presence
from orchestration.worker.heart import Heart
from orchestration.worker.host import WorkerHost
from orchestration.worker.sessions import open_session
from tests.integration.orchestration.rig import Rig, answer, graph, in_thread
from tests.integration.orchestration.test_healing import _ago
from tests.processes import wait_for


def _set_read_only(value: str) -> None:
    name = connection.settings_dict["NAME"]
    with open_session("the administrator") as session:
        session.execute("SET default_transaction_read_only = off")
        session.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


@contextmanager
def _switchover() -> Iterator[Callable[[], None]]:
    """Make the database read-only for all that connect; yield what ends it."""
    _set_read_only("on")
    try:
        yield lambda: _set_read_only("off")
    finally:
        _set_read_only("off")


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(graph({"a": ()}))


def test_a_finished_body_is_written_once_it_is_over_also_past_its_deadline(rig: Rig) -> None:
    claim = rig.take("a")
    spec, late = get_step_spec(claim), replace(claim, deadline_at=claim.claimed_at - timedelta(hours=1))
    with _switchover() as end:
        written = in_thread(lambda: conclude_surely(late, spec, Facts(), answer({"of": "a"})))
        time.sleep(1)
        assert not written.done()
        end()
        assert written.result(10).decision.kind == "accept"
    assert rig.statuses() == {"a": "succeeded"}


def test_a_lasting_outage_leaves_it_to_the_maintainer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_OUTAGE_SECONDS", 0.1)
    claim = rig.take("a")
    spec, late = get_step_spec(claim), replace(claim, deadline_at=claim.claimed_at - timedelta(hours=1))
    with _switchover():
        error = in_thread(lambda: conclude_surely(late, spec, Facts(), answer({"of": "a"}))).exception(10)
    assert isinstance(error, InternalError)
    assert is_away(error)
    assert rig.statuses() == {"a": "running"}


def test_a_process_that_could_not_beat_stays_who_it_is() -> None:
    host = WorkerHost()
    heart = Heart(host, Presence("switched", "host", 1, ["steps"], ["x.y"], 4))
    heart.start()
    try:
        process_id = host.process_id
        with _switchover() as end:
            time.sleep(2.5)
            end()
            ended_at = time.monotonic()
            since = WorkerProcess.objects.get(pk=process_id).beat_at
            wait_for(lambda: WorkerProcess.objects.get(pk=process_id).beat_at > since, what="a beat")
            assert time.monotonic() - ended_at < 4
        assert host.process_id == process_id
        assert WorkerProcess.objects.filter(name="switched").count() == 1
    finally:
        heart.stop()


def test_a_maintainer_lets_the_workers_settle_after_an_outage(rig: Rig) -> None:
    rig.take("a")
    Step.objects.filter(run=rig.run_id).update(deadline_at=_ago(600))
    WorkerProcess.objects.filter(pk=rig.process_id).update(beat_at=_ago(600))
    with open_session("leader") as session:
        leader.sweep(session, settles=True)
        assert rig.statuses() == {"a": "running"}
        assert WorkerProcess.objects.get(pk=rig.process_id).stopped_at is None
        leader.sweep(session)
        assert WorkerProcess.objects.get(pk=rig.process_id).stopped_at is not None
    assert rig.statuses() != {"a": "running"}


@pytest.mark.parametrize(("error", "settles"), [("25006", True), ("57P01", True), ("22003", False)])
def test_only_an_outage_makes_it_wait(monkeypatch: pytest.MonkeyPatch, error: str, *, settles: bool) -> None:
    seen: list[bool] = []
    maintainer = leader.Maintainer()

    def sweep(_session: Any, *, settles: bool) -> dict[str, int]:
        seen.append(settles)
        if len(seen) == 2:
            maintainer.stop()
            return {}
        raise Error("refused") from psycopg.errors.lookup(error)("refused")

    monkeypatch.setattr(leader, "sweep", sweep)
    maintainer.run()
    assert seen == [False, settles]
