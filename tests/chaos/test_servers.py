"""The broker loses, repeats and shuffles messages or goes away, PostgreSQL crashes: recorded work stays whole."""

from collections.abc import Iterator

import pytest

from orchestration import WorkflowSpec
from tests.chaos.arena import Arena, run_arena
from tests.chaos.judge import count_all_starts, describe_outcome
from tests.chaos.servers import OwnServers, run_own_servers
from tests.chaos.specs import FAN, ring_spec, step

RING = ring_spec("ring", seconds=0.15, effect=True)
SLOW_RING = ring_spec("slow-ring", seconds=0.6)
STEPS = len(RING.steps)


@pytest.fixture(scope="module")
def servers(committed_db: None) -> Iterator[OwnServers]:
    with run_own_servers() as servers, servers.in_use():
        yield servers


@pytest.fixture(scope="module")
def arena(servers: OwnServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with run_arena(tmp_path_factory.mktemp("arena"), servers.env) as arena:
        yield arena


@pytest.fixture(autouse=True)
def _nobody_ends(arena: Arena) -> Iterator[None]:
    with arena.nobody_ends():
        yield


def test_flushall_in_the_middle_loses_nothing(arena: Arena, servers: OwnServers) -> None:
    runs = arena.start_by_client(RING, 4)
    for share in (0.2, 0.5, 0.8):
        arena.wait_until(lambda: count_all_starts(arena.journal, runs) >= share * 4 * STEPS, "progress")  # noqa: B023 - used within the turn
        servers.empty_broker()

    arena.wait_done(*runs)

    assert arena.find_faults(runs) == []


def test_every_message_three_times_and_shuffled_gives_the_same_final_state(
    arena: Arena, servers: OwnServers
) -> None:
    (plain,) = arena.start_by_client(RING, 1)
    arena.wait_done(plain)

    arena.repeat_messages(3)
    runs = arena.start_by_client(RING, 6)
    arena.wait_done(*runs)
    arena.wait_until(lambda: servers.count_messages("steps") == 0, "the last copy's delivery")
    arena.repeat_messages(1)

    assert arena.find_faults(runs) == []
    assert all(describe_outcome(run) == describe_outcome(plain) for run in runs)
    ids = list(runs[0].steps.values_list("pk", flat=True))
    deliveries = [line for line in arena.journal.lines("answered") if line.step in ids]
    assert len(deliveries) >= 3 * STEPS
    assert {line.word for line in deliveries} >= {"accept", "stale"}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(RING, id="a chain first"),
        pytest.param(
            WorkflowSpec(name="fan", steps=(*(step(key) for key in FAN), step("join", list(FAN)))),
            id="a chord first",
        ),
    ],
)
def test_runs_are_accepted_without_a_broker_and_done_when_it_is_back(
    arena: Arena, servers: OwnServers, spec: WorkflowSpec
) -> None:
    servers.stop_broker()
    try:
        runs = arena.start_by_client(spec, 3)
    finally:
        servers.start("valkey")

    assert len(runs) == 3
    # The publishing budget is 0.5 s; the rest is for a busy machine.
    assert max(line.seconds for line in arena.journal.lines("acknowledged")[-3:]) < 2
    arena.wait_done(*runs)
    assert arena.find_faults(runs) == []


def test_a_broker_that_goes_away_in_the_middle_loses_nothing(arena: Arena, servers: OwnServers) -> None:
    runs = arena.start_by_client(SLOW_RING, 3)
    arena.wait_until(lambda: count_all_starts(arena.journal, runs) >= 3, "progress")
    servers.stop_broker()
    in_flight = count_all_starts(arena.journal, runs)
    servers.start("valkey")

    arena.wait_done(*runs)

    assert in_flight < 3 * STEPS
    assert arena.find_faults(runs) == []


def test_postgres_crashing_in_the_middle_loses_and_doubles_nothing(arena: Arena, servers: OwnServers) -> None:
    runs = arena.start_by_client(SLOW_RING, 4)
    arena.wait_until(lambda: count_all_starts(arena.journal, runs) >= 4, "progress")
    servers.crash_postgres()
    done_before = {run.pk: len(arena.journal.lines("committed", run=str(run.pk))) for run in runs}
    servers.start("postgres")

    arena.wait_done(*runs)

    assert sum(done_before.values()) < 4 * STEPS
    assert arena.find_faults(runs, most_starts=2) == []
