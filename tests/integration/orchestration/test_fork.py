"""A fork takes over what is done, says so, and does the rest; from any step of any run, with or without new input."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import Result, Task
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.states import RunStatus
from orchestration.errors import ForkRefused, InputInvalid, StepNotFound
from orchestration.models import Event, Receipt, Run
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

_SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SPEC = WorkflowSpec(
    name="forked",
    input_schema=_SCHEMA,
    steps=(
        StepSpec("a", agent="test.work"),
        StepSpec("no", agent="test.work", when="input.n > 100"),
        StepSpec("gated", agent="test.work", needs=("a",), verify=Verify("test.judge")),
        StepSpec("each", agent="test.work", for_each="[1, 2]"),
        StepSpec("draft", agent="test.work", needs=("gated", "each"), after=("no",)),
        StepSpec("send", agent="test.work", needs=("draft",)),
    ),
)


class _Crew:
    def __init__(self) -> None:
        self.done: list[str] = []

    def work(self, task: Task) -> Any:
        self.done.append(task.step_key)
        return {"n": task.run_input["n"], "got": sorted(task.handoff)}

    @property
    def agents(self) -> Any:
        return {
            "test.work": self.work,
            "test.judge": lambda _task: {"verdict": "PASS", "reasons": []},
        }


@pytest.fixture
def crew() -> _Crew:
    return _Crew()


@pytest.fixture
def source(crew: _Crew) -> FinishedRun:
    done = run_workflow(SPEC, {"n": 1}, agents=crew.agents)
    assert done.status == "succeeded"
    crew.done.clear()
    return done


def test_a_fork_does_one_step_and_what_is_behind_it_anew(source: FinishedRun, crew: _Crew) -> None:
    fork = runs.fork(source.run.pk, from_step="draft")

    reused = dict(fork.steps.exclude(output_json=None).values_list("key", "status"))
    assert reused == {"a": "succeeded", "no": "skipped", "gated": "succeeded", "each": "succeeded"}
    done = drive(fork.pk, agents=crew.agents)
    assert done.status == "succeeded"
    assert crew.done == ["draft", "send"]
    assert (fork.forked_from_id, fork.forked_from_step) == (source.run.pk, "draft")
    assert fork.workflow_id == source.run.workflow_id
    assert done.steps["gated"].accepted_by == "verdict"
    assert done.outputs == {key: source.outputs[key] for key in done.outputs}
    receipt = Receipt.objects.get(step=done.steps["a"])
    original = source.steps["a"].receipt_digest
    assert receipt.kind == "reuse"
    assert json.loads(receipt.body_json)["decision"] == f"reuse:{source.run.pk}:{original}"
    told = json.loads(Event.objects.get(step=done.steps["a"], kind="step_reused").data_json)
    assert told == {"run": str(source.run.pk), "receipt": original, "input_changed": False}
    assert runs.verify(fork.pk).fault is None
    assert runs.verify(source.run.pk).fault is None


def test_a_fork_with_new_input_says_that_what_it_reuses_is_of_another(
    source: FinishedRun, crew: _Crew
) -> None:
    fork = runs.fork(source.run.pk, from_step="draft", input={"n": 2})
    done = drive(fork.pk, agents=crew.agents)
    assert (done.outputs["a"]["n"], done.outputs["draft"]["n"]) == (1, 2)
    told = json.loads(Event.objects.get(step=done.steps["a"], kind="step_reused").data_json)
    assert told["input_changed"] is True
    assert runs.verify(fork.pk).fault is None


def test_what_was_passed_over_behind_another_step_is_taken_over(crew: _Crew) -> None:
    steps = (
        StepSpec("a", agent="test.work"),
        StepSpec("no", agent="test.work", after=("a",), when="input.n > 100"),
        StepSpec("send", agent="test.work", needs=("a",), after=("no",)),
    )
    source = run_workflow(WorkflowSpec(name="forked-behind", steps=steps), {"n": 1}, agents=crew.agents)
    crew.done.clear()

    fork = runs.fork(source.run.pk, from_step="send")
    assert dict(fork.steps.values_list("key", "status")) == {
        "a": "succeeded",
        "no": "skipped",
        "send": "available",
    }
    drive(fork.pk, agents=crew.agents)
    assert crew.done == ["send"]
    assert runs.verify(fork.pk).fault is None


def test_who_asked_for_a_run_has_asked_for_its_fork_unless_another_did(source: FinishedRun) -> None:
    """Who asks may not approve; a fork that names nobody must not be a way around that."""
    asked, other = User.objects.create(username="asked"), User.objects.create(username="other")
    Run.objects.filter(pk=source.run.pk).update(requested_by=asked)

    assert runs.fork(source.run.pk, from_step="draft").requested_by == asked
    assert runs.fork(source.run.pk, from_step="draft", by=other).requested_by == other


def test_a_fork_from_the_first_step_reuses_what_is_beside_it(source: FinishedRun, crew: _Crew) -> None:
    fork = runs.fork(source.run.pk, from_step="a")
    drive(fork.pk, agents=crew.agents)
    assert sorted(crew.done) == ["a", "draft", "gated", "send"]
    assert runs.verify(fork.pk).fault is None


def test_what_was_not_done_is_done_by_the_fork(crew: _Crew) -> None:
    told = iter([Result({}, confidence=0.1), Result({}, confidence=0.9)])
    fakes = {**crew.agents, "test.unsure": lambda _task: next(told)}
    steps = (
        StepSpec("a", agent="test.work"),
        StepSpec("unsure", agent="test.unsure"),
        StepSpec("end", agent="test.work", needs=("a",)),
    )
    held = run_workflow(WorkflowSpec(name="forked-held", steps=steps), {"n": 1}, agents=fakes)
    assert held.held == ["unsure"]
    done = drive(runs.fork(held.run.pk, from_step="end").pk, agents=fakes)
    assert done.status == "succeeded"
    assert crew.done == ["a", "end", "end"]
    assert runs.verify(done.run.pk).fault is None
    assert Run.objects.get(pk=held.run.pk).status == RunStatus.RUNNING


def test_a_fork_of_a_fork_names_the_nearest(source: FinishedRun, crew: _Crew) -> None:
    first = drive(runs.fork(source.run.pk, from_step="draft").pk, agents=crew.agents)
    second = drive(runs.fork(first.run.pk, from_step="send").pk, agents=crew.agents)
    receipt = Receipt.objects.get(step=second.steps["a"])
    assert str(first.run.pk) in receipt.body_json
    assert runs.verify(second.run.pk).fault is None


def test_the_same_key_is_the_same_fork(source: FinishedRun) -> None:
    fork = runs.fork(source.run.pk, from_step="draft", idempotency_key="f1")
    assert runs.fork(source.run.pk, from_step="draft", idempotency_key="f1").pk == fork.pk
    with pytest.raises(ForkRefused, match="f1"):
        runs.fork(source.run.pk, from_step="send", idempotency_key="f1")
    assert Run.objects.filter(forked_from=source.run.pk).count() == 1


def test_a_fork_that_can_not_be_is_refused_in_words(source: FinishedRun) -> None:
    with pytest.raises(StepNotFound, match=r"no step 'nowhere'; it has .*draft"):
        runs.fork(source.run.pk, from_step="nowhere")
    with pytest.raises(InputInvalid, match="input/n"):
        runs.fork(source.run.pk, from_step="a", input={"n": "x"})
    assert not Run.objects.filter(forked_from=source.run.pk).exists()


def test_a_reused_output_that_the_source_never_had_is_found(source: FinishedRun, crew: _Crew) -> None:
    done = drive(runs.fork(source.run.pk, from_step="send").pk, agents=crew.agents)
    other = run_workflow(SPEC, {"n": 3}, agents=crew.agents)
    Run.objects.filter(pk=done.run.pk).update(forked_from=other.run)
    fault = runs.verify(done.run.pk).fault
    assert fault == f"step 'a': run {other.run.pk} has no such output to reuse"
