"""kill -9 between what an agent noted and the commit that keeps it, and right after: kept once, or not at all."""

import pytest

from orchestration import WorkflowSpec, runs
from orchestration.models import Attempt, Memory
from tests.chaos.arena import Arena
from tests.chaos.specs import step

_SPEC = WorkflowSpec(
    name="crash-remembers", steps=(step("note", agent="crash.remember"), step("end", ["note"], seconds=0.1))
)


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker()
    arena.isolated_worker()
    arena.maintainer()
    return arena


@pytest.mark.parametrize(("point", "attempts"), [("noted", 2), ("before_commit", 2), ("after_commit", 1)])
def test_a_worker_killed_there_remembers_once(workers: Arena, point: str, attempts: int) -> None:
    before = Memory.objects.filter(key="crash/mark").count()
    workers.arm(point, "note")

    started = workers.start_many(_SPEC, 2)
    workers.wait_done(*started)

    assert len(workers.journal.lines("killed", point=point, key="note")) == 1
    rows = list(Memory.objects.filter(key="crash/mark").order_by("version").select_related("attempt"))
    assert [row.version for row in rows] == list(range(1, before + 3))
    assert {row.run_id for row in rows[before:]} == {run.pk for run in started}
    # What counts is of the attempt that ended well: what the one that died had noted was never there.
    assert [row.attempt.outcome for row in rows if row.attempt is not None] == ["answered"] * len(rows)
    most = Attempt.objects.filter(step__run__in=started, step__key="note").count()
    assert most >= len(started) + attempts - 1
    assert [runs.verify(run.pk).fault for run in started] == [None, None]
    assert workers.find_faults(started, most_starts=2) == []
