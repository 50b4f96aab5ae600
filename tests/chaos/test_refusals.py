"""Servers that answer, but refuse: what was accepted is kept, what is finished is written, and nobody ends over it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from orchestration import WorkflowSpec, runs
from orchestration.broker import find_broker_fault
from orchestration.models import Run, WorkerProcess
from tests.chaos.arena import Arena, run_arena
from tests.chaos.judge import count_all_starts
from tests.chaos.refusals import busy, full_of_strangers, loading, unable_to_write
from tests.chaos.servers import OwnServers, run_own_servers
from tests.chaos.specs import ring_spec, step
from tests.chaos.visitor import Visitor
from tests.conftest import start_web
from tests.processes import SHORT_TIMES, wait_for

RING = ring_spec("ring", seconds=0.15, effect=True)
SLOW_RING = ring_spec("slow-ring", seconds=0.6)
GATED = WorkflowSpec(name="gated", steps=(step("only", gate="only"), step("after", ["only"])))
# Three leases: whoever could not beat for so long looks dead when it comes back.
_OUTAGE_SECONDS = 3 * SHORT_TIMES["LEASE_SECONDS"]
# So long that every worker comes to acknowledge or to ask for a message.
_REFUSED_SECONDS = 4
# The publishing budget is 0.5 s; the rest is for a busy machine.
_PROMPT_SECONDS = 3


@pytest.fixture(scope="module")
def servers(committed_db: None) -> Iterator[OwnServers]:
    with run_own_servers(max_connections="40") as servers, servers.in_use():
        yield servers


@pytest.fixture(scope="module")
def arena(servers: OwnServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with run_arena(tmp_path_factory.mktemp("arena"), servers.env) as arena:
        yield arena


@pytest.fixture(scope="module")
def visitor(arena: Arena) -> Visitor:
    runs.publish(RING)
    visitor = Visitor(start_web(arena.starter, **arena.env))
    arena.wait_done(Run.objects.get(pk=visitor.start("ring").said["id"]))
    return visitor


@pytest.fixture(autouse=True)
def _nobody_ends(arena: Arena) -> Iterator[None]:
    with arena.nobody_ends():
        yield


def test_postgres_without_a_connection_left_costs_no_body_and_no_worker(
    arena: Arena, servers: OwnServers, visitor: Visitor
) -> None:
    started = arena.start_by_client(SLOW_RING, 2)
    gated = arena.start(GATED)
    arena.wait_started(gated, "only")
    arena.wait_until(lambda: count_all_starts(arena.journal, started) >= 2, "progress")

    with full_of_strangers(servers):
        began = time.monotonic()
        arena.open_gate("only")  # its body ends in the outage
        asked, refused = visitor.ask("GET", "/api/v1/runs"), visitor.start("ring")
        ready, page = visitor.ask("GET", "/readyz"), visitor.ask("GET", "/admin/")
        time.sleep(max(began + _OUTAGE_SECONDS - time.monotonic(), 0))
    began = time.monotonic()
    wait_for(lambda: visitor.ask("GET", "/api/v1/runs").status == 200, what="the API")
    seconds = time.monotonic() - began

    assert [asked.status, refused.status, ready.status, page.status] == [503] * 4
    assert refused.said["detail"] == "the database is away or busy; nothing was lost, try again"
    assert "no connection left" in ready.said["database"]["says"]
    assert "Nothing was lost" in page.said
    # It tries again at least every second, or when the next asks.
    assert seconds < _PROMPT_SECONDS
    arena.wait_done(gated, *started)
    assert arena.find_faults([gated, *started]) == []
    later = Run.objects.get(pk=visitor.start("ring").said["id"])
    arena.wait_done(later)
    assert WorkerProcess.objects.filter(stopped_at=None, name__startswith="steps@").count() == 1


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (loading, "it is loading its data after a start"),
        (busy, "it is busy with a script"),
        (unable_to_write, "it can't write its data to disk"),
    ],
)
def test_a_broker_that_refuses_costs_no_run_and_no_worker(
    arena: Arena,
    servers: OwnServers,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Callable[[OwnServers], AbstractContextManager[None]],
    words: str,
) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", servers.env["CELERY_BROKER_URL"])
    started = arena.start_by_client(SLOW_RING, 2)
    arena.wait_until(lambda: count_all_starts(arena.journal, started) >= 2, "progress")

    with refusal(servers):
        began = time.monotonic()
        accepted = visitor.start("ring")
        seconds = time.monotonic() - began
        fault, ready = find_broker_fault(), visitor.ask("GET", "/readyz")
        time.sleep(max(began + _REFUSED_SECONDS - time.monotonic(), 0))

    assert accepted.status == 201
    assert seconds < _PROMPT_SECONDS
    assert words in (fault or "")
    assert (ready.status, ready.said["broker"]["ok"]) == (200, False)
    assert words in ready.said["broker"]["says"]
    started.append(Run.objects.get(pk=accepted.said["id"]))
    arena.wait_done(*started)
    assert arena.find_faults(started) == []
