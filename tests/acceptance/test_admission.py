"""A dead agent is left alone and nothing else suffers; one GPU serves all who want it, one at a time."""

import json

import pytest

from agents.admission import set_pool_size
from agents.models import Breaker, BreakerEvent, PoolSlot
from orchestration import StepSpec, WorkflowSpec
from orchestration.models import Attempt, Run
from tests.chaos.arena import Arena
from tests.chaos.judge import count_starts
from tests.chaos.specs import step
from tests.processes import SHORT_TIMES

CAREFUL = {**SHORT_TIMES, "BREAKER_FAILURES": 5, "BREAKER_PAUSE_SECONDS": 2.0}
ASKING = WorkflowSpec(
    name="asking",
    steps=(
        step("own", seconds=0.05),
        StepSpec("ask", agent="crash.gone", fallback=("crash.step",)),
        step("tail", ["own", "ask"]),
    ),
)
DRAWING = WorkflowSpec(name="drawing", steps=(step("draw", agent="crash.draw", seconds=0.3),))


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    """Two workers for the same queue, which come back when they are killed, and a maintainer."""
    arena.env["RINGMASTER_OVERRIDES"] = json.dumps(CAREFUL)
    arena.worker("one")
    arena.worker("two")
    arena.isolated_worker()
    arena.maintainer()
    set_pool_size("gpu", 1)
    return arena


def test_six_that_want_the_one_gpu_are_all_served_and_never_two_at_once(workers: Arena) -> None:
    runs = workers.start_many(DRAWING, 6)
    workers.wait_done(*runs)

    assert workers.find_faults(runs, most_starts=1) == []
    assert _most_at_once(workers, runs) == 1
    assert not PoolSlot.objects.exists()


def test_also_when_the_one_who_has_it_is_killed(workers: Arena) -> None:
    workers.arm("in_body", "draw")
    runs = workers.start_many(DRAWING, 6)
    workers.wait_done(*runs)

    assert workers.find_faults(runs, most_starts=2) == []
    assert Attempt.objects.filter(step__run__in=runs, outcome="crashed").count() == 1
    assert _most_at_once(workers, runs) == 1
    assert not PoolSlot.objects.exists()


def _most_at_once(arena: Arena, runs: list[Run]) -> int:
    """Return how many bodies were under way at once; one that was killed ended when its slot was freed."""
    ids = {str(run.pk) for run in runs}
    crashed = set(
        map(
            str, Attempt.objects.filter(step__run__in=runs, outcome="crashed").values_list("token", flat=True)
        )
    )
    inside: set[str] = set()
    most = 0
    for line in arena.journal.lines():
        if line.facts.get("run") in ids and line.what == "start":
            inside = (inside - crashed) | {line.token}
            most = max(most, len(inside))
        elif line.facts.get("run") in ids and line.what == "end":
            inside.discard(line.token)
    return most


def test_forty_runs_leave_a_dead_agent_alone_and_end_by_their_fallback(workers: Arena) -> None:
    # One run finds out first. Calls that are under way before an agent's first failure is written can't be called
    # back, and on a slow machine all sixteen threads may be.
    first = workers.start_many(ASKING, 1)
    workers.wait_done(*first)
    runs = [*first, *workers.start_many(ASKING, 39)]
    workers.wait_done(*runs, seconds=90)

    calls = len(workers.journal.lines("call"))
    probes = BreakerEvent.objects.filter(agent="crash.gone", to_state="half_open").count()
    assert 6 <= calls <= 6 + probes, f"{calls} calls, {probes} probes"
    assert Breaker.objects.get(agent="crash.gone").state != "closed"
    for run in runs:
        run.refresh_from_db()
        assert run.status == "succeeded"
        starts = count_starts(workers.journal, run)
        assert starts == {"own": 1, "ask": 1, "tail": 1}
    assert workers.find_faults(runs) == []
