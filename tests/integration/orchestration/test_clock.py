"""The clock steps back: what came first is told by numbers that only grow, never by two instants.

Turning back the clock and moving what was written into the future are the same thing to whoever compares the two.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.db.models.functions import Now

from agents import PermanentError, Result, Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.maintenance.scheduler import settle_run
from orchestration.models import Run, Step
from orchestration.selectors.plan_rows import find_child_runs
from orchestration.selectors.resources import list_child_runs
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db

_HOUR = timedelta(hours=1)


def _ask_twice(*answers: Any) -> tuple[FinishedRun, dict[str, Callable[[Task], Any]]]:
    """Run a step that waits for a child run, and does so anew; the clock steps back between the two."""
    told = iter(answers)
    back = iter([True])

    def answer(_task: Task) -> Any:
        said = next(told)
        if isinstance(said, Exception):
            raise said
        return Result({}, confidence=said)

    def judge(_task: Task) -> Any:
        Run.objects.update(created_at=F("created_at") + _HOUR)
        return Result.rework("fetch", ["too thin"]) if next(back, False) else {}

    agents: dict[str, Callable[[Task], Any]] = {
        "test.work": lambda _task: {},
        "test.answer": answer,
        "test.judge": judge,
    }
    asked = WorkflowSpec(name="clock-asked", steps=(StepSpec("do", agent="test.answer", on_failure="abort"),))
    steps = (
        StepSpec("fetch", agent="test.work"),
        StepSpec("ask", workflow="clock-asked", after=("fetch",), on_failure="abort"),
        StepSpec("judge", agent="test.judge", needs=("fetch",)),
    )
    with override(agents):
        runs.publish(asked)
    return run_workflow(WorkflowSpec(name="clock-child", steps=steps), {}, agents=agents), agents


def _child_runs(done: FinishedRun) -> list[Run]:
    first, second = done.steps["ask"].child_runs.order_by("parent_attempt")
    assert first.created_at > second.created_at
    return [first, second]


def test_a_step_waits_for_the_child_run_of_its_latest_try() -> None:
    done, _ = _ask_twice(0.1, 0.9)

    assert [child.status for child in _child_runs(done)] == ["cancelled", "succeeded"]
    assert done.status == "succeeded"
    assert runs.verify(done.run.pk).fault is None
    # What is shown of it says the same.
    ask = done.steps["ask"].pk
    in_order = [child.pk for child in _child_runs(done)]
    assert list_child_runs(ask) == in_order
    assert find_child_runs([ask])[ask].pk == in_order[-1]


def test_a_retry_goes_on_with_the_child_run_of_the_latest_try() -> None:
    failed, agents = _ask_twice(0.1, PermanentError("no such customer"), 0.9)
    assert (failed.status, [child.status for child in _child_runs(failed)]) == (
        "failed",
        ["cancelled", "failed"],
    )

    runs.retry(failed.run.pk)
    done = drive(failed.run.pk, agents=agents)

    assert [(child.status, child.round) for child in _child_runs(done)] == [
        ("cancelled", 1),
        ("succeeded", 2),
    ]
    assert done.status == "succeeded"
    assert runs.verify(done.run.pk).fault is None


class _Trip:
    """Two bookings, a payment that fails, and a clock that steps back during each."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.undone: list[str] = []

    def book(self, task: Task) -> object:
        self.done.append(task.step_key)
        self._step_back()
        return {"booked": task.step_key}

    def cancel(self, task: Task) -> object:
        self.undone.append(task.input["output"]["booked"])
        self._step_back()
        return {}

    def pay(self, _task: Task) -> object:
        self._step_back()
        raise PermanentError("the card was refused")

    @property
    def agents(self) -> dict[str, Callable[[Task], Any]]:
        return {"test.book": self.book, "test.cancel": self.cancel, "test.pay": self.pay}

    def _step_back(self) -> None:
        Step.objects.update(finished_at=F("finished_at") + _HOUR)

    def run(self) -> FinishedRun:
        steps = (
            StepSpec("flight", agent="test.book", compensate="test.cancel"),
            StepSpec("hotel", agent="test.book", needs=("flight",), compensate="test.cancel"),
            StepSpec("pay", agent="test.pay", needs=("hotel",), on_failure="abort"),
        )
        return run_workflow(WorkflowSpec(name="clock-trip", steps=steps), {}, agents=self.agents)


def test_what_was_done_last_is_undone_first() -> None:
    trip = _Trip()
    done = trip.run()
    assert done.steps["flight"].finished_at > done.steps["hotel"].finished_at  # type: ignore[operator]
    assert trip.undone == ["hotel", "flight"]


@pytest.mark.parametrize("again", ["retry", "fork"])
def test_what_was_undone_is_done_again(again: str) -> None:
    trip = _Trip()
    failed = trip.run()
    undone_at = Step.objects.get(run=failed.run, key="undo:flight").finished_at
    assert undone_at < failed.steps["flight"].finished_at  # type: ignore[operator]
    trip.done.clear()

    run_id = _ask_again(again, failed.run.pk)
    drive(run_id, agents=trip.agents)

    assert trip.done == ["flight", "hotel"]


def _ask_again(how: str, run_id: UUID) -> UUID:
    return runs.retry(run_id).pk if how == "retry" else runs.fork(run_id, from_step="pay").pk


def test_a_run_that_a_test_drives_is_settled_whatever_the_clock_says() -> None:
    rig = Rig.begin(graph({"a": []}))
    rig.finish(rig.take("a"))
    Step.objects.filter(run=rig.run_id).update(finished_at=Now() + _HOUR)

    settle_run(rig.run_id)

    assert rig.run.status == "succeeded"


def test_a_child_run_s_end_is_told_whatever_the_clock_says() -> None:
    done, _ = _ask_twice(0.1, 0.9)
    child = _child_runs(done)[-1]
    Run.objects.filter(pk=child.pk).update(untold=True, finished_at=Now() + _HOUR)

    settle_run(done.run.pk)

    assert not Run.objects.get(pk=child.pk).untold
