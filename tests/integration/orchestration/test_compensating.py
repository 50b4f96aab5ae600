"""An aborted run undoes what it did: latest first, each once, and what can't be undone waits for a person."""

from collections.abc import Callable
from typing import Any

import pytest

from agents import PermanentError, Result, Task, TransientError
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind, StepKind
from orchestration.errors import ClaimLost
from orchestration.models import Event, Receipt, Run, Step
from orchestration.testing import FinishedRun, drive, run_workflow
from orchestration.transitions import compensate
from tests.integration.orchestration.rig import AGENT, Rig, graph

pytestmark = pytest.mark.django_db


def _refuse(task: Task) -> object:
    raise PermanentError("the card was refused")


class Desk:
    """Agents that book and cancel, and remember in which order."""

    def __init__(self, **own: Callable[[Task], Any]) -> None:
        self.done: list[str] = []
        self.undone: list[Any] = []
        self.keys: list[str] = []
        self.agents: dict[str, Callable[[Task], Any]] = {
            "test.book": self.book,
            "test.cancel": self.cancel,
            "test.pay": _refuse,
        } | {f"test.{name}": agent for name, agent in own.items()}

    def book(self, task: Task) -> object:
        what = f"{task.step_key}:{task.item}" if task.item is not None else task.step_key
        self.done.append(what)
        return {"booked": what}

    def cancel(self, task: Task) -> object:
        self.undone.append(task.input["output"]["booked"])
        self.keys.append(task.idempotency_key)
        return {"cancelled": True}

    def run(self, spec: WorkflowSpec) -> FinishedRun:
        return run_workflow(spec, {}, agents=self.agents)

    def go_on(self, run: Run) -> FinishedRun:
        return drive(run.pk, agents=self.agents)


def _trip(name: str = "trip") -> WorkflowSpec:
    return WorkflowSpec(
        name=name,
        steps=(
            StepSpec("flight", agent="test.book", compensate="test.cancel"),
            StepSpec("weather", agent="test.book", needs=("flight",)),
            StepSpec("hotel", agent="test.book", needs=("weather",), compensate="test.cancel"),
            StepSpec("car", agent="test.book", needs=("hotel",), compensate="test.cancel"),
            StepSpec("pay", agent="test.pay", needs=("car",), on_failure="abort", compensate="test.cancel"),
            StepSpec("tell", agent="test.book", needs=("pay",), compensate="test.cancel"),
        ),
    )


def test_what_was_done_is_undone_latest_first_and_then_the_run_has_failed() -> None:
    desk = Desk()
    done = desk.run(_trip())

    assert (done.status, done.run.reason) == ("failed", "agents.errors.PermanentError: the card was refused")
    assert desk.done == ["flight", "weather", "hotel", "car"]
    assert desk.undone == ["car", "hotel", "flight"]
    assert len(set(desk.keys)) == 3
    undo = [step for step in done.steps.values() if step.kind == StepKind.COMPENSATION]
    assert [(step.key, step.status) for step in undo] == [
        ("undo:car", "succeeded"),
        ("undo:hotel", "succeeded"),
        ("undo:flight", "succeeded"),
    ]
    assert [step.parent_id for step in undo] == [done.steps[key].pk for key in ("car", "hotel", "flight")]
    assert set(Receipt.objects.filter(step__in=undo).values_list("kind", flat=True)) == {"compensation"}
    # What was done stays as it was: the plan tells both.
    assert done.steps["hotel"].status == "succeeded"
    assert done.steps["tell"].status == "cancelled"
    told = Event.objects.get(run=done.run, kind="run_compensating")
    assert '"steps":3' in told.data_json
    assert runs.verify(done.run.pk).fault is None


def test_items_and_spawned_steps_are_undone_each_by_itself() -> None:
    desk = Desk(plan=lambda _: Result({"booked": "plan"}, spawn=[_spawned("x"), _spawned("y", "x")]))
    spec = WorkflowSpec(
        name="grown",
        steps=(
            StepSpec("each", agent="test.book", for_each="[1, 2]", compensate="test.cancel"),
            StepSpec("plan", agent="test.plan", needs=("each",), compensate="test.unplan"),
            StepSpec("pay", agent="test.pay", needs=("plan",), on_failure="abort"),
        ),
    )
    desk.agents["test.unplan"] = lambda task: desk.undone.append(task.input["output"]["output"]["booked"])
    done = desk.run(spec)

    assert done.status == "failed"
    assert desk.undone == [
        "plan",
        "plan/y:{'booked': 'plan'}",
        "plan/x:{'booked': 'plan'}",
        "each[1]:2",
        "each[0]:1",
    ]
    assert runs.verify(done.run.pk).fault is None


def _spawned(key: str, *after: str) -> StepSpec:
    return StepSpec(key, agent="test.book", after=after, compensate="test.cancel")


def test_a_compensation_that_fails_waits_for_a_person_and_the_rest_behind_it() -> None:
    def cancel(task: Task) -> object:
        if task.input["output"]["booked"] == "hotel" and not task.feedback:
            raise ValueError("no such booking")
        return desk.cancel(task)

    desk = Desk(cancel=cancel)
    done = desk.run(_trip())

    assert (done.status, done.held) == ("compensating", ["undo:hotel"])
    assert desk.undone == ["car"]
    assert done.steps["undo:flight"].status == "pending"

    _resolve(done, "undo:hotel", ResolutionKind.SEND_BACK, feedback="its number is 7")
    done = desk.go_on(done.run)
    assert (done.status, desk.undone) == ("failed", ["car", "hotel", "flight"])
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    ("resolution", "more", "undone"),
    [
        (ResolutionKind.SKIP, {}, ["hotel", "flight"]),
        (ResolutionKind.EDIT, {"output": "cancelled by telephone"}, ["hotel", "flight"]),
        (ResolutionKind.ABORT, {}, []),
    ],
)
def test_a_person_ends_what_no_agent_can_undo(
    resolution: ResolutionKind, more: dict[str, Any], undone: list[str]
) -> None:
    def cancel(task: Task) -> object:
        if task.input["output"]["booked"] == "car":
            raise PermanentError("the office is closed")
        return desk.cancel(task)

    desk = Desk(cancel=cancel)
    done = desk.run(_trip())
    assert done.held == ["undo:car"]

    _resolve(done, "undo:car", resolution, **more)
    done = desk.go_on(done.run)
    assert (done.status, desk.undone) == ("failed", undone)
    assert runs.verify(done.run.pk).fault is None


def _resolve(done: FinishedRun, key: str, kind: ResolutionKind, **more: Any) -> None:
    runs.resolve_step(done.steps[key].pk, kind=kind, actor="ada", resolution_id="1", **more)


def test_a_compensation_is_tried_again_like_any_step() -> None:
    tried = []

    def cancel(task: Task) -> object:
        tried.append(task.attempt)
        if task.attempt == 1:
            raise TransientError("busy")
        return desk.cancel(task)

    desk = Desk(cancel=cancel)
    assert desk.run(_trip()).status == "failed"
    assert tried == [1, 2, 1, 2, 1, 2]
    assert desk.undone == ["car", "hotel", "flight"]
    assert len(set(desk.keys)) == 3


def test_a_person_s_abort_undoes_too() -> None:
    desk = Desk(pay=lambda _: Result({"booked": "pay"}, confidence=0.1))
    done = desk.run(_trip())
    assert done.held == ["pay"]

    _resolve(done, "pay", ResolutionKind.ABORT, reason="the customer changed his mind")
    done = desk.go_on(done.run)
    assert (done.status, done.run.reason) == ("failed", "the customer changed his mind")
    assert desk.undone == ["car", "hotel", "flight"]


def test_a_retried_run_does_again_what_was_undone_and_can_undo_it_again() -> None:
    desk = Desk()
    first = desk.run(_trip())
    runs.retry(first.run.pk)
    second = desk.go_on(first.run)

    assert (second.status, second.run.round) == ("failed", 2)
    assert desk.done == ["flight", "weather", "hotel", "car"] * 2
    assert desk.undone == ["car", "hotel", "flight"] * 2
    assert len(set(desk.keys)) == 6
    assert runs.verify(first.run.pk).fault is None


def test_a_run_with_nothing_to_undo_fails_at_once() -> None:
    spec = WorkflowSpec(name="plain", steps=(StepSpec("pay", agent="test.pay", on_failure="abort"),))
    done = Desk().run(spec)
    assert done.status == "failed"
    assert not Event.objects.filter(run=done.run, kind="run_compensating").exists()


def test_only_compensations_are_claimed_in_a_compensating_run() -> None:
    rig = Rig.begin(graph({"a": (), "b": ()}, compensate=AGENT))
    rig.finish(rig.take("a"))
    claim = rig.take("b")
    rig.fail(claim)

    assert rig.run.status == "compensating"
    assert rig.claim("b") is None
    with pytest.raises(ClaimLost):
        rig.finish(claim)
    rig.work_through("undo:a")
    assert rig.run.status == "failed"


@pytest.mark.parametrize("guard", [True, False])
def test_without_its_guard_a_compensation_would_begin_twice(
    guard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Desk(cancel=_never).run(_trip())
    assert done.status == "compensating"
    if not guard:
        for name in ("_DONE", "_BEGIN"):
            statement = getattr(compensate, name).replace("status IN ('running', 'paused')", "true")
            monkeypatch.setattr(compensate, name, statement.replace("r.true", "true"))
    seen: list[int] = []

    def plan(steps: Any) -> list[compensate.Undo]:
        seen.extend(step.step_id for step in steps)
        return []

    compensate.begin_compensation(done.run.pk, "again", plan)
    assert bool(seen) is not guard


def _never(task: Task) -> object:
    raise PermanentError("closed for ever")


def test_the_steps_of_one_run_only_are_undone() -> None:
    desk = Desk()
    other = desk.run(WorkflowSpec(name="other", steps=_trip().steps[:1]))
    desk.run(_trip())
    assert not Step.objects.filter(run=other.run, kind=StepKind.COMPENSATION).exists()
    assert desk.undone == ["car", "hotel", "flight"]
