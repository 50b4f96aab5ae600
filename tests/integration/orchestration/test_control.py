"""Cancel, pause, resume and retry, one after the other; what happens when they meet others is in the races."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import Result, Task
from agents.invoke import override
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.conf import get_signer
from orchestration.domain.states import ResolutionKind, RunStatus
from orchestration.errors import ClaimLost, RunCompensating, RunFinal, RunHasParent, RunNotFailed
from orchestration.maintenance.scheduler import settle_run
from orchestration.models import Attempt, Event, Run, Step
from orchestration.testing import drive, run_workflow
from orchestration.transitions.release import record_late_write
from orchestration.transitions.stop import cancel_run
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db

SPEC = graph({"a": (), "b": (), "behind": ["a"], "join": ["a", "b"]})


def _lines(run_id: Any, kind: str) -> list[str]:
    return list(Event.objects.filter(run=run_id, kind=kind).values_list("data_json", flat=True))


def test_a_cancel_ends_all_that_is_open() -> None:
    rig = Rig.begin(SPEC)
    flight = rig.take("a")
    rig.hold(rig.take("b"))
    anna = User.objects.create_user("anna")

    run = runs.cancel(rig.run_id, "wrong customer", anna)

    assert run.status == RunStatus.CANCELLED
    assert run.reason == "wrong customer"
    assert set(rig.statuses().values()) == {"cancelled"}
    attempt = Attempt.objects.get(token=flight.token)
    told = attempt.decision
    assert (attempt.outcome, told.kind, told.rule) == ("withdrawn", "withdraw", "withdrawn")
    assert (told.decided_at, told.reason != "") == (attempt.finished_at, True)
    assert json.loads(told.inputs_json) == {"attempt": 1, "outcome": {"type": "withdrawn"}, "revision": 0}
    assert Ticket.objects.get(run=rig.run_id).status == "withdrawn"
    assert _lines(rig.run_id, "run_cancelled") == ['{"by":"anna","reason":"wrong customer"}']
    assert rig.run.seals.count() == 1
    assert rig.fault() is None
    assert rig.claim("a") is None
    with pytest.raises(ClaimLost):
        rig.finish(flight)
    record_late_write(flight, "{}")
    assert rig.fault() is None


def test_a_cancelled_run_is_cancelled_once() -> None:
    rig = Rig.begin(SPEC)
    runs.cancel(rig.run_id, by=User.objects.create_user("anna"))
    again = runs.cancel(rig.run_id, "once more")
    assert again.reason == "cancelled by anna"
    assert len(_lines(rig.run_id, "run_cancelled")) == 1


@pytest.mark.parametrize("order", [runs.cancel, runs.pause, runs.resume, runs.retry])
def test_a_run_that_succeeded_takes_no_orders(order: Any) -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.work_through("a")
    with pytest.raises((RunFinal, RunNotFailed), match="succeeded"):
        order(rig.run_id)
    assert rig.run.status == RunStatus.SUCCEEDED
    assert rig.fault() is None


def test_a_paused_run_finishes_and_releases_but_claims_nothing() -> None:
    rig = Rig.begin(SPEC)
    flight = rig.take("a")

    assert runs.pause(rig.run_id).status == RunStatus.PAUSED
    assert runs.pause(rig.run_id).status == RunStatus.PAUSED
    rig.finish(flight)
    rig.release("a")
    assert rig.statuses() == {
        "a": "succeeded",
        "b": "available",
        "behind": "available",
        "join": "pending",
    }
    assert rig.claim("behind") is None
    assert rig.claim("b") is None

    before = rig.step("behind").dispatches
    assert runs.resume(rig.run_id).status == RunStatus.RUNNING
    assert runs.resume(rig.run_id).status == RunStatus.RUNNING
    assert rig.step("behind").dispatches == before + 1
    rig.work_through("b", "behind", "join")
    assert rig.run.status == RunStatus.SUCCEEDED
    assert [len(_lines(rig.run_id, kind)) for kind in ("run_paused", "run_resumed")] == [1, 1]
    assert rig.fault() is None


def test_a_run_that_ended_while_it_was_paused_is_closed_by_its_resume() -> None:
    rig = Rig.begin(graph({"a": ()}))
    flight = rig.take("a")
    runs.pause(rig.run_id)
    rig.finish(flight)
    assert rig.release("a") == []
    assert rig.run.status == RunStatus.PAUSED
    assert rig.step("a").unreleased

    assert runs.resume(rig.run_id).status == RunStatus.SUCCEEDED
    assert not rig.step("a").unreleased
    assert rig.fault() is None


def test_a_held_step_of_a_paused_run_can_be_decided() -> None:
    rig = Rig.begin(graph({"a": (), "b": ["a"]}))
    rig.hold(rig.take("a"))
    runs.pause(rig.run_id)
    runs.resolve_step(rig.step("a").pk, kind=ResolutionKind.APPROVE, actor="anna", resolution_id="t")
    assert rig.statuses() == {"a": "succeeded", "b": "available"}
    assert rig.claim("b") is None
    runs.resume(rig.run_id)
    rig.work_through("b")
    assert rig.run.status == RunStatus.SUCCEEDED
    assert rig.fault() is None


def test_a_person_can_end_a_paused_run_at_its_held_step() -> None:
    rig = Rig.begin(graph({"a": (), "b": ["a"]}))
    rig.hold(rig.take("a"))
    runs.pause(rig.run_id)
    runs.resolve_step(rig.step("a").pk, kind=ResolutionKind.ABORT, actor="anna", resolution_id="t")
    assert rig.run.status == RunStatus.FAILED
    assert rig.statuses() == {"a": "failed", "b": "cancelled"}
    assert rig.fault() is None


def test_a_resume_breaks_chords_whose_messages_were_refused() -> None:
    rig = Rig.begin(SPEC)
    Step.objects.filter(run=rig.run_id, key="join").update(chord_intact=True)
    runs.pause(rig.run_id)
    runs.resume(rig.run_id)
    assert not rig.step("join").chord_intact


def test_a_failed_run_goes_on_in_a_new_round() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    receipt = rig.step("a").receipt_digest
    rig.fail(rig.take("b"))
    assert rig.run.status == RunStatus.FAILED

    run = runs.retry(rig.run_id, by=User.objects.create_user("anna"))

    assert (run.status, run.round, run.reason, run.finished_at) == (RunStatus.RUNNING, 2, "", None)
    assert rig.statuses() == {
        "a": "succeeded",
        "b": "available",
        "behind": "available",
        "join": "pending",
    }
    assert rig.step("a").receipt_digest == receipt
    assert _lines(rig.run_id, "run_retried") == ['{"by":"anna","reason":"","round":2}']
    assert rig.fault() is None
    rig.work_through("b", "behind", "join")
    assert rig.run.status == RunStatus.SUCCEEDED
    assert rig.step("b").attempt == 2
    roots = list(rig.run.seals.order_by("round").values_list("root", flat=True))
    assert len(roots) == 2
    assert f'"former":"{roots[0]}"' in rig.run.seals.get(round=2).body_json
    assert rig.fault() is None


def test_a_retry_that_is_asked_for_twice_makes_one_round() -> None:
    rig = Rig.begin(SPEC)
    rig.fail(rig.take("b"))
    runs.retry(rig.run_id)
    assert runs.retry(rig.run_id).round == 2
    assert len(_lines(rig.run_id, "run_retried")) == 1


def test_only_a_failed_or_cancelled_run_is_retried() -> None:
    rig = Rig.begin(SPEC)
    with pytest.raises(RunNotFailed, match="running"):
        runs.retry(rig.run_id)
    runs.cancel(rig.run_id)
    assert runs.retry(rig.run_id).round == 2
    rig.work_through("a", "b", "behind", "join")
    assert rig.run.status == RunStatus.SUCCEEDED
    assert rig.fault() is None


def test_counts_start_anew_with_a_round() -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.retry(rig.take("a"))
    runs.cancel(rig.run_id)
    assert rig.step("a").failures == 1
    runs.retry(rig.run_id)
    step = rig.step("a")
    assert (step.failures, step.crashes, step.due_at, step.status) == (0, 0, None, "available")


CHILD = WorkflowSpec(name="control-child", steps=(StepSpec("do", agent="test.do"),))
PARENT = WorkflowSpec(
    name="control-parent",
    steps=(
        StepSpec("each", workflow="control-child", for_each="input.items", input={"n": "item"}),
        StepSpec("sum", agent="test.sum", needs=("each",)),
    ),
)
TOP = WorkflowSpec(
    name="control-top",
    steps=(StepSpec("one", workflow="control-parent", input={"items": "input.items"}, on_failure="abort"),),
)


def _publish(*specs: WorkflowSpec) -> None:
    for spec in specs:
        runs.publish(spec)


def _fake(fail: set[int], seen: list[int]) -> Any:
    def do(task: Task) -> Any:
        seen.append(task.run_input["n"])
        if task.run_input["n"] in fail:
            raise ValueError("it does not work")
        return {"n": task.run_input["n"]}

    return {"test.do": do, "test.sum": lambda task: {"of": len(task.handoff["each"])}}


def _tree(run: Run) -> dict[str, int]:
    statuses = Run.objects.filter(root_id=run.pk).values_list("status", flat=True)
    return {status: list(statuses).count(status) for status in set(statuses)}


def _begin_tree(items: list[int], **fake: Any) -> Any:
    agents = _fake(fake.get("fail", set()), fake.get("seen", []))
    with override(agents):
        _publish(CHILD, PARENT)
        return run_workflow(TOP, {"items": items}, agents=agents)


def test_a_cancel_takes_the_whole_tree() -> None:
    done = _begin_tree([1, 2, 3], fail={2})  # the second item's child waits for a person
    assert _tree(done.run) == {"running": 3, "succeeded": 2}

    runs.cancel(done.run.pk, "enough")

    assert _tree(done.run) == {"cancelled": 3, "succeeded": 2}
    assert not Step.objects.filter(run__root_id=done.run.pk, status__in=("held", "waiting")).exists()
    assert not Ticket.objects.filter(run__root_id=done.run.pk, status="open").exists()
    for run in Run.objects.filter(root_id=done.run.pk):
        assert runs.verify(run.pk).fault is None


def test_what_a_cancel_that_broke_off_left_is_found_and_cancelled() -> None:
    done = _begin_tree([1, 2], fail={1})
    cancel_run(done.run.pk, "enough", get_signer(), event_json="{}")  # and here the process dies
    assert _tree(done.run) == {"cancelled": 1, "running": 2, "succeeded": 1}
    assert runs.cancel_orphans() == 2
    assert _tree(done.run) == {"cancelled": 3, "succeeded": 1}
    assert runs.cancel_orphans() == 0


def test_a_tree_is_paused_and_resumed_as_one() -> None:
    done = _begin_tree([1, 2], fail={1})
    runs.pause(done.run.pk)
    assert _tree(done.run) == {"paused": 3, "succeeded": 1}
    child = Run.objects.filter(root_id=done.run.pk, depth=2, status="paused").get()
    with pytest.raises(RunHasParent, match="paused"):
        runs.resume(child.pk)
    runs.resume(done.run.pk)
    assert _tree(done.run) == {"running": 3, "succeeded": 1}


def test_a_retry_goes_down_the_tree_and_keeps_what_is_done() -> None:
    seen: list[int] = []
    done = _begin_tree([1, 2, 3], fail={2}, seen=seen)
    runs.cancel(done.run.pk)
    with pytest.raises(RunHasParent, match=str(done.run.pk)):
        runs.retry(Run.objects.filter(root_id=done.run.pk, depth=1).get().pk)

    runs.retry(done.run.pk)
    assert _tree(done.run) == {"running": 3, "succeeded": 2}
    again = drive(done.run.pk, agents=_fake(set(), seen))

    assert again.status == "succeeded"
    assert sorted(seen) == [1, 2, 2, 3]
    assert again.outputs["one"] == {"sum": {"of": 3}}
    rounds = (
        Run.objects.filter(root_id=done.run.pk).order_by("depth", "round").values_list("round", flat=True)
    )
    assert list(rounds) == [2, 2, 1, 1, 2]
    for run in Run.objects.filter(root_id=done.run.pk):
        assert runs.verify(run.pk).fault is None, run
    assert settle_run(done.run.pk) == 0


def test_what_was_undone_is_done_again_in_the_next_round_with_all_behind_it() -> None:
    steps = (
        StepSpec("book", agent="test.book", compensate="test.undo"),
        StepSpec("other", agent="test.other"),
        StepSpec("print", agent="test.other", needs=("book",)),
        StepSpec("pay", agent="test.pay", needs=("print", "other"), on_failure="abort"),
    )
    seen: list[str] = []
    fails = [True, True]

    def note(task: Task) -> Any:
        seen.append(task.step_key)
        if task.step_key == "pay" and fails:
            fails.pop()
            raise ValueError("no money")
        return {"by": task.step_key, "try": len(seen)}

    agents = dict.fromkeys(("test.book", "test.undo", "test.other", "test.pay"), note)
    done = run_workflow(WorkflowSpec(name="control-undone", steps=steps), agents=agents)
    for number in (1, 2):
        assert (done.status, done.run.round) == ("failed", number)
        assert runs.verify(done.run.pk).fault is None
        runs.retry(done.run.pk)
        assert runs.verify(done.run.pk).fault is None
        done = drive(done.run.pk, agents=agents)

    assert done.status == "succeeded"
    counted = {key: seen.count(key) for key in seen}
    assert [counted[key] for key in ("book", "other", "print", "pay")] == [3, 1, 3, 3]
    assert sum(number for key, number in counted.items() if key.startswith("undo:")) == 2
    assert runs.verify(done.run.pk).fault is None


def test_a_compensating_run_is_cancelled_but_not_paused() -> None:
    steps = (
        StepSpec("book", agent="test.book", compensate="test.undo"),
        StepSpec("pay", agent="test.pay", needs=("book",), on_failure="abort"),
    )

    def fail(_task: Task) -> Any:
        raise ValueError("it does not work")

    agents = {"test.book": lambda _task: {}, "test.undo": fail, "test.pay": fail}
    done = run_workflow(WorkflowSpec(name="control-compensating", steps=steps), agents=agents)
    assert (done.status, done.held) == ("compensating", ["undo:book"])
    with pytest.raises(RunCompensating, match="cancel"):
        runs.pause(done.run.pk)
    assert runs.resume(done.run.pk).status == RunStatus.COMPENSATING
    assert runs.cancel(done.run.pk).status == RunStatus.CANCELLED
    assert runs.verify(done.run.pk).fault is None
    assert not Ticket.objects.filter(run=done.run, status="open").exists()


def test_a_child_run_of_an_aborted_run_is_aborted_too_and_undoes_what_it_did() -> None:
    below = WorkflowSpec(
        name="control-below",
        steps=(
            StepSpec("book", agent="test.book", compensate="test.undo"),
            StepSpec("unsure", agent="test.unsure", needs=("book",)),
        ),
    )
    above = WorkflowSpec(
        name="control-above",
        steps=(
            StepSpec("ask", workflow="control-below"),
            StepSpec("look", agent="test.look", on_failure="abort"),
        ),
    )
    undone: list[str] = []

    def undo(task: Task) -> Any:
        undone.append(task.step_key)
        return {}

    agents: dict[str, Any] = {
        "test.book": lambda _task: {"booked": 1},
        "test.undo": undo,
        "test.unsure": lambda _task: Result({}, confidence=0.1),
        "test.look": lambda _task: Result({}, confidence=0.1),
    }
    with override(agents):
        _publish(below)
    told = run_workflow(above, agents=agents)
    child = Run.objects.get(parent_step__run=told.run)
    assert (child.status, undone) == ("running", [])

    look = told.steps["look"]
    runs.resolve_step(look.pk, kind=ResolutionKind.ABORT, actor="anna", resolution_id="t")
    done = drive(told.run.pk, agents=agents)

    assert done.status == "failed"
    assert Run.objects.get(pk=child.pk).status == "failed"
    assert undone == ["undo:book"]
    assert not Ticket.objects.filter(run=child, status="open").exists()
    assert [runs.verify(run.pk).fault for run in (done.run, child)] == [None, None]

    agents["test.look"] = lambda _task: {}
    agents["test.unsure"] = lambda _task: {}
    runs.retry(done.run.pk)
    again = drive(done.run.pk, agents=agents)
    assert again.status == "succeeded"
    assert Run.objects.get(pk=child.pk).round == 2
    assert runs.verify(child.pk).fault is None


def test_a_step_that_fell_back_is_its_first_agents_again() -> None:
    steps = (StepSpec("draft", agent="test.first", fallback="test.second", on_failure="abort"),)
    seen: list[str] = []

    def fail(name: str) -> Any:
        def act(_task: Task) -> Any:
            seen.append(name)
            raise ValueError("it does not work")

        return act

    agents = {"test.first": fail("first"), "test.second": fail("second")}
    done = run_workflow(WorkflowSpec(name="control-fallback", steps=steps), agents=agents)
    assert (done.status, done.steps["draft"].agent, done.steps["draft"].fallbacks) == (
        "failed",
        "test.second",
        1,
    )
    with override(agents):
        runs.retry(done.run.pk)
    step = Step.objects.get(run=done.run)
    assert (step.agent, step.fallbacks, step.status) == ("test.first", 0, "available")
    again = drive(done.run.pk, agents=agents)
    assert (again.status, seen) == ("failed", ["first", "second", "first", "second"])
    assert runs.verify(done.run.pk).fault is None


def test_a_step_whose_child_run_alone_is_cancelled_asks_a_person() -> None:
    asked = WorkflowSpec(name="control-asked", steps=(StepSpec("do", agent="test.unsure"),))
    asks = WorkflowSpec(name="control-asks", steps=(StepSpec("ask", workflow="control-asked"),))
    agents = {"test.unsure": lambda _task: Result({}, confidence=0.1)}
    with override(agents):
        _publish(asked)
    waits = run_workflow(asks, agents=agents)
    child = Run.objects.get(parent_step__run=waits.run)

    runs.cancel(child.pk, "not this one")
    assert not Run.objects.get(pk=child.pk).untold
    held = drive(waits.run.pk, agents=agents)

    assert (held.status, held.held) == ("running", ["ask"])
    ticket = Ticket.objects.get(run=waits.run, status="open")
    assert "cancelled" in ticket.reason
    assert runs.verify(waits.run.pk).fault is None
