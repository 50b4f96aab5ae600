"""Runs that give back what their workflow says, and runs that end early as a success: proof, children, orders."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.errors import OutputInvalid, RunCompensating, RunFinal
from orchestration.models import Event, Run, RunResult, Step
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db


def _run(spec: WorkflowSpec, value: Any = None, **agents: Any) -> FinishedRun:
    return run_workflow(spec, value or {}, agents={f"test.{name}": act for name, act in agents.items()})


def _spec(*steps: StepSpec, name: str = "results", **fields: Any) -> WorkflowSpec:
    return WorkflowSpec(name=name, steps=steps, **fields)


ONE = StepSpec("one", agent="test.one")


def test_a_run_gives_back_what_its_workflow_says() -> None:
    spec = _spec(ONE, output="{'sum': steps.one.n + input.n}")
    done = _run(spec, {"n": 2}, one=lambda _: {"n": 40})

    result = RunResult.objects.get(run=done.run)
    assert (done.status, result.kind, result.output, result.error) == (
        "succeeded",
        "computed",
        {"sum": 42},
        "",
    )
    assert runs.verify(done.run.pk).fault is None


def test_a_run_whose_workflow_says_nothing_has_no_row() -> None:
    done = _run(_spec(ONE), one=lambda _: 1)

    assert done.status == "succeeded"
    assert not RunResult.objects.exists()


def test_an_expression_that_fails_costs_the_run_nothing_and_says_why() -> None:
    done = _run(_spec(ONE, output="steps.one.missing"), one=lambda _: {})

    result = RunResult.objects.get(run=done.run)
    assert (done.status, result.output_json) == ("succeeded", None)
    assert "no such key" in result.error
    assert runs.verify(done.run.pk).fault is None


def test_what_was_not_done_is_null_to_the_result() -> None:
    spec = _spec(ONE, StepSpec("two", agent="test.two", when="false"), output="steps")
    done = _run(spec, one=lambda _: 1, two=lambda _: 2)
    assert RunResult.objects.get(run=done.run).error == ""


@pytest.mark.parametrize(
    ("output", "gets"),
    [("steps.one.n", {"kid": 7}), (None, {"kid": {"one": {"n": 7}}}), ("steps.one.x", None)],
)
def test_the_step_above_gets_the_result_of_its_child_run(output: str | None, gets: Any) -> None:
    above = _spec(StepSpec("kid", workflow="child"), name="above")
    with override({"test.one": lambda _: {"n": 7}}):
        runs.publish(_spec(ONE, name="child", output=output))
    done = _run(above, one=lambda _: {"n": 7})

    if gets is None:
        assert done.held == ["kid"]
        assert "could not be made" in done.steps["kid"].reason
        return
    assert (done.status, done.outputs) == ("succeeded", gets)
    assert runs.verify(done.run.pk).fault is None


ENDS = _spec(
    StepSpec("ask", agent="human"),
    StepSpec("look", agent="test.look", ends_run=True, compensate="test.undo"),
    StepSpec("behind", agent="test.behind", needs=("look", "ask")),
    StepSpec("next", agent="test.next", needs=("look",)),
    name="ends",
)


def test_a_step_that_ends_its_run_cancels_what_is_open_and_undoes_nothing() -> None:
    never = pytest.fail
    done = _run(ENDS, look=lambda _: {"found": 1}, behind=never, next=never, undo=never)

    assert done.status == "succeeded"
    assert {key: step.status for key, step in done.steps.items()} == {
        "ask": "cancelled",
        "look": "succeeded",
        "behind": "cancelled",
        "next": "cancelled",
    }
    result = RunResult.objects.get(run=done.run)
    assert (result.kind, result.by, result.output) == ("ended", "step:look", {"look": {"found": 1}})
    assert Event.objects.filter(run=done.run, kind="run_ended_early").count() == 1
    assert done.run.reason == "the step 'look' ended the run"
    assert runs.verify(done.run.pk).fault is None


def test_a_step_that_is_skipped_ends_nothing() -> None:
    spec = _spec(StepSpec("look", agent="test.look", ends_run=True, when="false"), ONE)
    done = _run(spec, look=pytest.fail, one=lambda _: 1)
    assert (done.steps["one"].status, RunResult.objects.count()) == ("succeeded", 0)


def test_an_order_ends_a_run_and_the_same_order_again_is_answered_alike() -> None:
    _run(ENDS, look=lambda _: 1, behind=pytest.fail, next=pytest.fail, undo=pytest.fail)
    run = runs.start("ends", {})

    finished = runs.finish(run.pk, {"answer": 42}, "enough")

    assert (finished.status, finished.reason) == ("succeeded", "enough")
    assert set(Step.objects.filter(run=run).values_list("status", flat=True)) == {"cancelled"}
    assert runs.finish(run.pk, {"answer": 42}).finished_at == finished.finished_at
    with pytest.raises(RunFinal, match="nothing to finish"):
        runs.finish(run.pk, {"answer": 43})
    assert runs.verify(run.pk).fault is None


def test_a_paused_run_may_be_finished() -> None:
    rig = Rig.begin(graph({"a": ()}))
    runs.pause(rig.run_id)
    runs.finish(rig.run_id, 1)
    assert (rig.run.status, rig.fault()) == ("succeeded", None)


def test_a_paused_run_in_which_all_is_done_is_not_closed_by_who_looks_behind() -> None:
    rig = Rig.begin(graph({"a": ()}))
    claim = rig.take("a")
    runs.pause(rig.run_id)
    rig.finish(claim, 1)
    rig.release("a")
    assert rig.run.status == "paused"


def test_what_is_no_json_ends_nothing() -> None:
    rig = Rig.begin(graph({"a": ()}))
    with pytest.raises(OutputInvalid, match="output"):
        runs.finish(rig.run_id, {"x": float("nan")})
    assert rig.run.status == "running"


def test_a_run_that_undoes_what_it_did_is_not_finished() -> None:
    rig = Rig.begin(graph({"a": ()}))
    Run.objects.filter(pk=rig.run_id).update(status="compensating")
    with pytest.raises(RunCompensating):
        runs.finish(rig.run_id, 1)


def test_runs_below_a_finished_one_are_cancelled() -> None:
    runs.publish(_spec(StepSpec("ask", agent="human"), name="child"))
    runs.publish(_spec(StepSpec("kid", workflow="child"), name="above"))
    run = runs.start("above", {})
    drive(run.pk)
    runs.finish(run.pk, "done")

    child = Run.objects.get(parent_step__run=run)
    assert (runs.get_run(run.pk).status, child.status) == ("succeeded", "cancelled")
    assert runs.verify(run.pk).fault is None
    assert runs.verify(child.pk).fault is None


def test_a_result_that_was_changed_or_removed_is_seen() -> None:
    done = _run(_spec(ONE, output="steps.one"), one=lambda _: 1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orchestration_runresult DISABLE TRIGGER USER")
        cursor.execute("UPDATE orchestration_runresult SET by = 'person:eve'")
        changed = runs.verify(done.run.pk).fault
        cursor.execute("DELETE FROM orchestration_runresult")
    assert changed == "seal: 'result' does not fit the rows; the run's result was changed"
    assert "result" in (runs.verify(done.run.pk).fault or "")


def test_the_command_ends_a_run_with_its_output() -> None:
    rig = Rig.begin(graph({"a": ()}))
    said = StringIO()

    call_command("finish_run", str(rig.run_id), "--output", '{"n": 1}', "--reason", "enough", stdout=said)

    assert said.getvalue() == f"run {rig.run_id} is succeeded, in round 1\n"
    assert (rig.run.reason, RunResult.objects.get().output) == ("enough", {"n": 1})
    with pytest.raises(CommandError, match="there is nothing to finish"):
        call_command("finish_run", str(rig.run_id), "--output", "2")
