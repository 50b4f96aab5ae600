"""kill -9 in the middle of undoing an aborted run: everything is undone, in order, each once per idempotency key."""

from dataclasses import replace

import pytest

from orchestration import WorkflowSpec, runs
from orchestration.models import Run, Step
from tests.chaos.arena import Arena
from tests.chaos.specs import step

POINTS = [
    pytest.param("before_publish", "undo:c", id="after the abort, before its first message"),
    pytest.param("in_body", "undo:b", id="before the effect"),
    pytest.param("after_effect", "undo:b", id="after the effect"),
    pytest.param("before_commit", "undo:c", id="before the commit"),
    pytest.param("before_release", "undo:a", id="between the last one's commit and the run's end"),
]


def _trip() -> WorkflowSpec:
    done = [step(key, needs) for key, needs in (("a", []), ("b", ["a"]), ("c", ["b"]))]
    return WorkflowSpec(
        name="trip",
        steps=(
            *(replace(one, compensate="crash.undo") for one in done),
            replace(step("boom", ["c"], agent="crash.refuse"), on_failure="abort"),
        ),
    )


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker()
    arena.isolated_worker()
    arena.maintainer()
    return arena


@pytest.mark.parametrize(("point", "key"), POINTS)
def test_a_worker_killed_there_undoes_all_the_same(workers: Arena, point: str, key: str) -> None:
    workers.arm(point, key)
    run = workers.start(_trip())
    workers.wait_until(lambda: _status(run) == "failed", "the run's end")

    assert len(workers.journal.lines("killed", point=point, key=key)) == 1
    effects = workers.journal.lines("keyed_effect", run=str(run.pk), applied=True)
    assert [line.key for line in effects] == ["undo:c", "undo:b", "undo:a"]
    assert len({line.idempotency_key for line in effects}) == 3
    undone = Step.objects.filter(run=run, kind="compensation").order_by("receipts__id")
    assert [(one.key, one.status) for one in undone] == [
        (key, "succeeded") for key in ("undo:c", "undo:b", "undo:a")
    ]
    assert runs.verify(run.pk).fault is None


def _status(run: Run) -> str:
    run.refresh_from_db()
    return run.status
