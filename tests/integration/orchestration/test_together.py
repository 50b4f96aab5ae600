"""What a step grew puts out too much together: it is told early, what is done stays, and there are ways on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from agents import Result, Task
from escalation import escrow
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Step
from orchestration.testing import FinishedRun, drive, run_workflow
from orchestration.transitions.claim import load_claims
from orchestration.transitions.stopping import stop_siblings

pytestmark = pytest.mark.django_db

_LIMIT = 1_000
_EACH = StepSpec("each", agent="test.each", for_each="input.n")
_AFTER = StepSpec("after", agent="test.after", needs=("each",))


@pytest.fixture(autouse=True)
def _limited(settings: LazySettings) -> None:
    _set(settings, _LIMIT)


def _set(settings: LazySettings, limit: int) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_COLLECTED_BYTES": limit}


class _Items:
    """Agents that count their bodies; an item puts out so many characters."""

    def __init__(self, size: int = 300) -> None:
        self.size = size
        self.bodies: list[Any] = []

    def __call__(self, task: Task) -> Any:
        self.bodies.append(task.item)
        return "x" * self.size

    @property
    def agents(self) -> dict[str, Callable[[Task], Any]]:
        return {"test.each": self, "test.after": lambda task: len(task.handoff["each"])}

    def go(self, count: int, *more: StepSpec, **fields: Any) -> FinishedRun:
        step = StepSpec("each", agent="test.each", for_each="input.n", **fields)
        spec = WorkflowSpec(name="together", steps=(step, *more))
        return run_workflow(spec, {"n": list(range(count))}, agents=self.agents)


def _decide(done: FinishedRun, kind: ResolutionKind, **more: Any) -> None:
    ticket = Ticket.objects.get(run=done.run, status="open")
    person, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    escrow.claim_ticket(ticket.pk, person)
    escrow.resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None, **more)


def _statuses(done: FinishedRun) -> dict[str, int]:
    items = list(
        Step.objects.filter(run=done.run, parent=done.steps["each"]).values_list("status", flat=True)
    )
    return {status: items.count(status) for status in sorted(set(items))}


def test_items_are_not_begun_once_those_that_are_done_are_over_the_limit() -> None:
    items = _Items()
    done = items.go(10)

    assert (done.held, len(items.bodies), _statuses(done)) == (["each"], 4, {"cancelled": 6, "succeeded": 4})
    ticket = Ticket.objects.get(run=done.run)
    assert ticket.rule == "limit"
    assert "the 4 that are done put out 1,208 bytes together" in ticket.reason
    assert "MAX_COLLECTED_BYTES is 1,000; 6 more were not begun" in ticket.reason
    assert "Raise the limit and send the step back" in ticket.reason


def test_with_a_higher_limit_it_goes_on_and_nothing_is_done_twice(settings: LazySettings) -> None:
    items = _Items()
    done = items.go(10)
    _set(settings, 10_000)
    _decide(done, ResolutionKind.SEND_BACK, feedback="the limit is higher now")
    done = drive(done.run.pk, agents=items.agents)

    assert (done.status, sorted(items.bodies)) == ("succeeded", list(range(10)))
    assert done.outputs["each"] == ["x" * 300] * 10
    assert runs.verify(done.run.pk).fault is None


def test_sent_back_under_the_same_limit_it_is_held_again(settings: LazySettings) -> None:
    items = _Items()
    done = items.go(10)
    for bodies in (5, 6):
        _decide(done, ResolutionKind.SEND_BACK, feedback="again")
        done = drive(done.run.pk, agents=items.agents)
        assert (done.held, len(items.bodies)) == (["each"], bodies)
    _set(settings, 10_000)
    _decide(done, ResolutionKind.SEND_BACK, feedback="higher")
    assert drive(done.run.pk, agents=items.agents).status == "succeeded"
    assert sorted(items.bodies) == list(range(10))


def test_a_new_round_goes_on_with_what_was_not_begun(settings: LazySettings) -> None:
    items = _Items()
    done = items.go(10, on_failure="abort")
    assert (done.status, len(items.bodies)) == ("failed", 4)
    assert runs.verify(done.run.pk).fault is None
    _set(settings, 10_000)
    runs.retry(done.run.pk)
    done = drive(done.run.pk, agents=items.agents)

    assert (done.status, sorted(items.bodies)) == ("succeeded", list(range(10)))
    assert len(done.outputs["each"]) == 10
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    ("kind", "more", "after"),
    [(ResolutionKind.EDIT, {"output": [1, 2]}, 2), (ResolutionKind.SKIP, {}, None)],
)
def test_a_person_may_give_the_output_or_skip(kind: ResolutionKind, more: dict[str, Any], after: Any) -> None:
    items = _Items()
    done = items.go(10, _AFTER)
    _decide(done, kind, **more)
    done = drive(done.run.pk, agents=items.agents)

    assert (done.status, done.outputs["after"], len(items.bodies)) == ("succeeded", after, 4)
    assert runs.verify(done.run.pk).fault is None


def test_what_is_begun_is_finished_and_counted() -> None:
    """Stopped while others run: an item in hand keeps its place, its output and its receipt."""
    items = _Items(size=30)

    def each(task: Task) -> Any:
        if task.item == 1:
            (claim,) = load_claims(list(Step.objects.filter(key=task.step_key).values_list("pk", flat=True)))
            assert stop_siblings(claim, "for this test") == 3
            assert stop_siblings(claim, "once more") == 0
        return items(task)

    agents = items.agents | {"test.each": each}
    spec = WorkflowSpec(name="begun", steps=(_EACH,))
    done = run_workflow(spec, {"n": list(range(5))}, agents=agents)

    assert (done.held, _statuses(done)) == (["each"], {"cancelled": 3, "succeeded": 2})
    assert "3 more were not begun" in done.steps["each"].reason
    _decide(done, ResolutionKind.SEND_BACK, feedback="go on")
    done = drive(done.run.pk, agents=items.agents)
    assert (done.status, sorted(items.bodies)) == ("succeeded", [0, 1, 2, 3, 4])
    assert runs.verify(done.run.pk).fault is None


def test_spawned_steps_are_stopped_too_and_go_on_in_their_order(settings: LazySettings) -> None:
    items = _Items(size=600)

    def plan(_task: Task) -> Any:
        steps = [StepSpec(key, agent="test.each") for key in ("a", "b", "c")]
        return Result("plan", spawn=[*steps, StepSpec("last", agent="test.each", needs=("c",))])

    agents = items.agents | {"test.plan": plan}
    spec = WorkflowSpec(name="spawns", steps=(StepSpec("plan", agent="test.plan"),))
    done = run_workflow(spec, {}, agents=agents)
    assert (done.held, len(items.bodies)) == (["plan"], 2)
    assert "1,204 bytes together" in done.steps["plan"].reason
    _set(settings, 10_000)
    _decide(done, ResolutionKind.SEND_BACK, feedback="higher")
    done = drive(done.run.pk, agents=agents)

    assert (done.status, len(items.bodies)) == ("succeeded", 4)
    assert list(done.outputs["plan"]["spawned"]) == ["a", "b", "c", "last"]
    assert runs.verify(done.run.pk).fault is None


def test_a_child_run_s_output_names_the_limit() -> None:
    items = _Items(size=600)
    child = WorkflowSpec(
        name="child", steps=(StepSpec("a", agent="test.each"), StepSpec("b", agent="test.each"))
    )
    done = run_workflow(child, {}, agents=items.agents)
    assert done.status == "succeeded"
    spec = WorkflowSpec(name="parent", steps=(StepSpec("below", workflow="child"),))
    done = run_workflow(spec, {}, agents=items.agents)
    assert done.held == ["below"]
    assert "MAX_COLLECTED_BYTES is 1,000" in done.steps["below"].reason


def test_many_small_items_are_one_output_that_no_single_agent_could_put_out(settings: LazySettings) -> None:
    """300 items of 4,000 characters: over the limit of one agent's output, within that of what is collected."""
    _set(settings, 4_194_304)
    items = _Items(size=4_000)
    done = items.go(300)
    assert done.status == "succeeded"
    assert len(done.outputs["each"]) == 300
    assert runs.verify(done.run.pk).fault is None
