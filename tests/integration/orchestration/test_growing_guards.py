"""Guards of growing plans, each with the moment at which it alone keeps a run right."""

from typing import Any

import pytest

from agents import Task, agent
from agents.domain.catalogue import catalogue
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.conf import get_signer
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run, Step
from orchestration.transitions.release import release_step, tell_parent
from tests.integration.orchestration.bench import Bench, step_of

pytestmark = pytest.mark.django_db

A = "test.echo"
CHILD = WorkflowSpec(name="guarded-child", steps=(StepSpec("own", agent=A),))
ASKING = WorkflowSpec(
    name="guarded",
    steps=(
        StepSpec("first", agent=A),
        StepSpec("kid", workflow=CHILD.name, needs=("first",)),
        StepSpec("tail", agent=A, needs=("kid",)),
    ),
)


@pytest.fixture(autouse=True)
def _agents() -> Any:
    before = dict(catalogue._declared)
    agent(A)(_echo)
    yield
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


def _echo(task: Task) -> str:
    return task.step_key


@pytest.fixture
def bench() -> Bench:
    return Bench.make({A: _echo})


@pytest.fixture
def asking(bench: Bench) -> Run:
    """A run whose step `kid` waits for its child run, which has not begun."""
    with mute_dispatch():
        runs.publish(CHILD)
    run = bench.start(ASKING)
    bench.perform(step_of(run, "first"))
    bench.perform(step_of(run, "kid"))
    assert (step_of(run, "kid").status, step_of(run, "kid").stage) == ("waiting", "child_run")
    return run


def _child_of(run: Run) -> Run:
    return step_of(run, "kid").child_runs.get()


def test_a_step_that_waits_for_its_child_run_is_not_released_by_the_steps_before_it(asking: Run) -> None:
    """Its predecessor's worker died before it could clear its mark, so the maintainer releases it again."""
    first = step_of(asking, "first")
    Step.objects.filter(pk=first.pk).update(unreleased=True)

    assert release_step(first.pk, asking.pk, get_signer()) == []

    assert step_of(asking, "kid").status == "waiting"
    assert not step_of(asking, "first").unreleased


def test_a_step_is_told_of_its_child_run_s_end_once_no_other_of_its_child_runs_lives(
    bench: Bench, asking: Run
) -> None:
    """An earlier child run, of a try before, may end late; and one may be told of twice."""
    child = _child_of(asking)
    bench.perform(step_of(child, "own"))
    assert step_of(asking, "kid").status == "available"
    Step.objects.filter(pk=step_of(asking, "kid").pk).update(status="waiting")
    Run.objects.filter(pk=child.pk).update(untold=True)
    late = Run.objects.get(pk=child.pk)
    late.pk, late.idempotency_key = None, "a later child run"
    late.status, late.finished_at = "running", None
    late._state.adding = True
    late.save()

    assert tell_parent(child.pk) == []

    assert step_of(asking, "kid").status == "waiting"
