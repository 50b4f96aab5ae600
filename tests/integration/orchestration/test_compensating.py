"""An aborted run undoes what it did: latest first, each once, and what can't be undone waits for a person."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from agents import PermanentError, Result, Task, TransientError
from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.rows import ReusedStep, Undo
from orchestration.domain.states import ResolutionKind, StepKind
from orchestration.errors import ClaimLost
from orchestration.models import Event, Receipt, Run, Step
from orchestration.selectors.routes import load_routes
from orchestration.testing import FinishedRun, drive, run_workflow
from orchestration.transitions import compensate
from orchestration.transitions.reuse import reuse_steps
from tests.guards import cut
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
    [route] = load_routes([rig.step("undo:a").pk], 10)
    assert route.head.key == "undo:a"
    assert rig.claim("b") is None
    with pytest.raises(ClaimLost):
        rig.finish(claim)
    rig.work_through("undo:a")
    assert rig.run.status == "failed"


_GUARDS = {
    "_DONE": " AND r.status IN ('running', 'paused')",
    "_BEGIN": " AND status IN ('running', 'paused')",
}


@pytest.mark.parametrize(
    ("without", "begins"), [([], False), (["_DONE"], False), (["_BEGIN"], False), (["_DONE", "_BEGIN"], True)]
)
def test_each_of_two_guards_keeps_a_compensation_from_beginning_twice(
    without: list[str], begins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Desk(cancel=_never).run(_trip())
    assert done.status == "compensating"
    before = Step.objects.filter(run=done.run).count()
    for name in without:
        monkeypatch.setattr(compensate, name, cut(getattr(compensate, name), _GUARDS[name]))
    again = Undo(done.steps["car"].pk, "undo:again", AGENT, "steps", 5.0, {})

    compensate.begin_compensation(done.run.pk, "again", lambda steps: [again] if steps else [])

    assert Step.objects.filter(run=done.run).count() == before + begins
    assert Event.objects.filter(run=done.run, kind="run_compensating").count() == 1 + begins


def _never(task: Task) -> object:
    raise PermanentError("closed for ever")


def test_the_steps_of_one_run_only_are_undone() -> None:
    desk = Desk()
    other = desk.run(WorkflowSpec(name="other", steps=_trip().steps[:1]))
    desk.run(_trip())
    assert not Step.objects.filter(run=other.run, kind=StepKind.COMPENSATION).exists()
    assert desk.undone == ["car", "hotel", "flight"]


def test_a_paused_run_that_is_aborted_undoes_what_it_did() -> None:
    desk = Desk(pay=lambda _: Result({"booked": "pay"}, confidence=0.1))
    done = desk.run(_trip())
    runs.pause(done.run.pk)

    _resolve(done, "pay", ResolutionKind.ABORT)
    done = desk.go_on(done.run)

    assert (done.status, desk.undone) == ("failed", ["car", "hotel", "flight"])
    assert runs.verify(done.run.pk).fault is None


def test_what_a_later_revision_replaced_is_not_undone_again() -> None:
    """Neither the items of a step that was sent back, nor what its agent had spawned."""
    tried: list[int] = []

    def look(task: Task) -> object:
        tried.append(task.attempt)
        return Result.rework("each", ["once more"]) if len(tried) == 1 else "fine"

    desk = Desk(
        look=look, plan=lambda _: Result({"booked": "plan"}, spawn=[_spawned("x"), _spawned("y", "x")])
    )
    spec = WorkflowSpec(
        name="reworked",
        steps=(
            StepSpec("each", agent="test.book", for_each="[1]", compensate="test.cancel"),
            StepSpec("plan", agent="test.plan", needs=("each",)),
            StepSpec("look", agent="test.look", needs=("plan",)),
            StepSpec("pay", agent="test.pay", needs=("look",), on_failure="abort"),
        ),
    )
    done = desk.run(spec)

    assert (done.status, tried) == ("failed", [1, 2])
    assert len(desk.done) == 6
    undo = [key for key, step in done.steps.items() if step.kind == StepKind.COMPENSATION]
    assert undo == ["undo:plan~1/y", "undo:plan~1/x", "undo:each~1[0]"]
    assert len(desk.undone) == 3


def test_what_a_fork_took_over_is_undone_last_and_in_the_plan_s_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However its receipts were numbered: those of one statement, or of a release before this one."""

    def reuse_backwards(run_id: UUID, reused: Sequence[ReusedStep], now: Any) -> list[int]:
        return reuse_steps(run_id, reused[::-1], now)

    monkeypatch.setattr(import_module("orchestration.runs.forking"), "reuse_steps", reuse_backwards)
    desk = Desk(pay=lambda _: Result({}, confidence=0.1))
    held = desk.run(_trip())
    desk.agents["test.pay"] = _refuse
    with override(desk.agents):
        taken = runs.fork(held.run.pk, from_step="car")
    receipts = Receipt.objects.filter(run=taken).order_by("id").values_list("step__key", flat=True)
    assert list(receipts) == ["hotel", "weather", "flight"]

    assert drive(taken.pk, agents=desk.agents).status == "failed"
    assert desk.undone == ["car", "hotel", "flight"]


def test_an_undo_is_done_on_its_own_agent_s_terms_and_passes_no_gate() -> None:
    gated = StepSpec(
        "flight",
        agent="test.book",
        timeout_seconds=7,
        verify=Verify("test.verifier"),
        compensate="test.cancel",
    )
    pay = StepSpec("pay", agent="test.pay", needs=("flight",), on_failure="abort")
    desk = Desk(verifier=lambda _: {"verdict": "PASS"})
    done = desk.run(WorkflowSpec(name="gated-trip", steps=(gated, pay)))

    assert (done.status, desk.undone) == ("failed", ["flight"])
    flight, undo = done.steps["flight"], done.steps["undo:flight"]
    assert (flight.timeout_seconds, flight.gated, flight.accepted_by) == (7.0, True, "verdict")
    assert (undo.timeout_seconds, undo.gated, undo.attempt) == (300.0, False, 1)


def test_what_says_no_more_how_it_is_undone_is_left_to_a_person() -> None:
    def refuse(task: Task) -> object:
        grown = Step.objects.filter(run=UUID(task.run_id), kind="spawned")
        grown.update(spec_json='{"key":"x","agent":"test.book","of_another_release":1}')
        return _refuse(task)

    desk = Desk(plan=lambda _: Result({"booked": "plan"}, spawn=[_spawned("x")]), pay=refuse)
    steps = (
        StepSpec("hotel", agent="test.book", compensate="test.cancel"),
        StepSpec("plan", agent="test.plan", needs=("hotel",)),
        StepSpec("pay", agent="test.pay", needs=("plan",), on_failure="abort"),
    )
    done = desk.run(WorkflowSpec(name="unread", steps=steps))

    assert (done.status, done.held, desk.undone) == ("compensating", ["undo:plan/x"], [])
    _resolve(done, "undo:plan/x", ResolutionKind.EDIT, output="undone by telephone")
    done = desk.go_on(done.run)
    assert (done.status, desk.undone) == ("failed", ["hotel"])
