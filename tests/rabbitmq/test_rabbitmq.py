"""RabbitMQ as the broker: killed, emptied, away; recorded work stays whole.

Not part of `pytest` without arguments, since RabbitMQ is no wheel: `pytest tests/rabbitmq`, which CI does.
"""

import time
from collections.abc import Iterator

import pytest

from orchestration.broker import find_broker_fault
from orchestration.models import Run
from orchestration.runs import publish
from tests.chaos.arena import Arena, run_arena
from tests.chaos.judge import count_all_starts
from tests.chaos.scenarios import endure_strangers
from tests.chaos.specs import ring_spec
from tests.chaos.visitor import Visitor
from tests.conftest import start_web
from tests.integration.orchestration.rig import in_thread
from tests.rabbitmq.node import RabbitNode

RING = ring_spec("ring", seconds=0.15, effect=True)
SLOW_RING = ring_spec("slow-ring", seconds=0.6)
STEPS = len(RING.steps)


@pytest.fixture
def _django_db_helper(committed_db: None) -> None:
    """Stand in for pytest-django's: between the tests of a module nothing is flushed under the workers' feet."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    node = RabbitNode(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.end()


@pytest.fixture(scope="module")
def arena(committed_db: None, node: RabbitNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    env = {"CELERY_BROKER_URL": node.broker_url, "CELERY_RESULT_BACKEND": ""}
    with run_arena(tmp_path_factory.mktemp("arena"), env) as arena:
        yield arena


@pytest.mark.parametrize(
    ("point", "key"),
    [("after_claim", "a2"), ("in_body", "fan3"), ("before_release", "fan2"), ("before_publish", "fan1")],
)
def test_a_killed_worker_loses_and_doubles_nothing(arena: Arena, point: str, key: str) -> None:
    arena.arm(point, key)
    runs = arena.start_by_client(RING, 2)
    arena.wait_done(*runs)

    assert len(arena.journal.lines("killed", point=point, key=key)) == 1
    assert arena.find_faults(runs, most_starts=2) == []


@pytest.mark.parametrize("is_emptied", [False, True], ids=["with its queues", "with nothing"])
def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    arena: Arena, node: RabbitNode, is_emptied: bool
) -> None:
    runs = arena.start_by_client(SLOW_RING, 3)
    arena.wait_until(lambda: count_all_starts(arena.journal, runs) >= 3, "progress")
    node.kill()
    in_flight = count_all_starts(arena.journal, runs)
    if is_emptied:
        node.empty()
    node.start()

    arena.wait_done(*runs)

    assert in_flight < 3 * STEPS
    assert arena.find_faults(runs) == []


def test_runs_are_accepted_without_a_broker_and_done_when_it_is_back(arena: Arena, node: RabbitNode) -> None:
    node.kill()
    try:
        runs = arena.start_by_client(RING, 3)
    finally:
        node.start()

    assert len(runs) == 3
    arena.wait_done(*runs)
    assert arena.find_faults(runs) == []


def test_a_node_whose_memory_is_full_costs_no_run_and_no_worker(
    arena: Arena, node: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", node.broker_url)
    publish(RING)
    visitor = Visitor(start_web(arena.starter, **arena.env))
    visitor.ask("GET", "/api/v1/runs")  # a first answer takes its time
    runs = arena.start_by_client(SLOW_RING, 2)
    arena.wait_until(lambda: count_all_starts(arena.journal, runs) >= 2, "progress")

    accepted, seconds = [], []
    with arena.nobody_ends():
        with node.full():
            for _ in range(3):
                began = time.monotonic()
                accepted.append(visitor.start("ring"))
                seconds.append(time.monotonic() - began)
            fault = in_thread(find_broker_fault).result(
                timeout=15
            )  # without a limit of its own it would hang
            ready = visitor.ask("GET", "/readyz")
            time.sleep(4)  # so that the workers, too, publish and acknowledge
        runs += [Run.objects.get(pk=answer.said["id"]) for answer in accepted]
        arena.wait_done(*runs)

    assert [answer.status for answer in accepted] == [201] * 3
    assert max(seconds) < 3  # the publishing budget is 0.5 s; the rest is for a busy machine
    assert "memory or disk is full" in (fault or "")
    assert (ready.status, ready.said["broker"]["ok"]) == (200, False)
    assert "memory or disk is full" in ready.said["broker"]["says"]
    assert arena.find_faults(runs) == []


def test_no_message_of_a_stranger_ends_a_worker_or_makes_it_deaf(arena: Arena, node: RabbitNode) -> None:
    endure_strangers(arena, node.broker_url)
