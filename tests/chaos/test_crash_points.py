"""kill -9 at each named place in a step's life: every run finishes, nothing that was finished runs again."""

import pytest

from tests.chaos.arena import Arena
from tests.chaos.specs import ring_spec

# Slow steps go on through messages; quick ones are run on in place.
SLOW, QUICK = 0.15, 0.0

POINTS = [
    pytest.param("after_claim", "a2", SLOW, id="after the claim"),
    pytest.param("in_body", "a2", SLOW, id="in the body"),
    pytest.param("before_commit", "a2", SLOW, id="before the commit"),
    pytest.param("after_commit", "a2", SLOW, id="after the commit"),
    pytest.param("before_release", "fan2", SLOW, id="between commit and release"),
    pytest.param("before_publish", "fan1", SLOW, id="between release and publish"),
    pytest.param("before_continuation", "a1", SLOW, id="between release and publish of a chain link"),
    pytest.param("in_body", "fan3", SLOW, id="in a chord header"),
    pytest.param("before_continuation", "fan1", SLOW, id="before a header is counted"),
    pytest.param("before_body", "join", SLOW, id="between headers and body"),
    pytest.param("running_on", "a2", QUICK, id="running on, before the body"),
    pytest.param("in_body", "a3", QUICK, id="running on, in the body"),
]


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker()
    arena.isolated_worker()
    arena.maintainer()
    return arena


@pytest.mark.parametrize(("point", "key", "seconds"), POINTS)
def test_a_worker_killed_there_loses_and_doubles_nothing(
    workers: Arena, point: str, key: str, seconds: float
) -> None:
    spec = ring_spec(f"ring-{'quick' if seconds == QUICK else 'slow'}", seconds=seconds, effect=True)
    workers.arm(point, key)

    runs = workers.start_many(spec, 2)
    workers.wait_done(*runs)

    assert len(workers.journal.lines("killed", point=point, key=key)) == 1
    assert workers.find_faults(runs, most_starts=2) == []
    if seconds == QUICK:
        assert workers.count_ran_on(key, *runs) >= 1


@pytest.mark.parametrize("point", ["before_group_commit", "after_group_commit"])
def test_a_worker_killed_while_it_finishes_several_steps_at_once_loses_and_doubles_nothing(
    workers: Arena, point: str
) -> None:
    workers.arm(point, "*")

    runs = workers.start_many(ring_spec("ring-quick", seconds=QUICK, effect=True), 6)
    workers.wait_done(*runs)

    assert len(workers.journal.lines("killed", point=point)) == 1
    assert workers.find_faults(runs, most_starts=2) == []


def test_a_killed_child_of_a_prefork_worker_loses_and_doubles_nothing(workers: Arena) -> None:
    isolated = workers.supervised[1]
    pid = isolated.child.pid
    workers.arm("in_body", "fan1")

    run = workers.start(ring_spec("ring-isolated", fan_agent="crash.alone", seconds=0.1))
    workers.wait_done(run)

    (killed,) = workers.journal.lines("killed", point="in_body", key="fan1")
    assert killed.pid != pid
    assert isolated.child.pid == pid
    assert workers.find_faults([run], most_starts=2) == []
