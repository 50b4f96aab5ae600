"""Guards of growing plans, each with the moment at which it alone keeps a run right."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from agents import Result, Task, agent
from agents.domain.catalogue import catalogue
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.conf import get_signer
from orchestration.dispatch import mute_dispatch
from orchestration.domain.rows import name_child_run
from orchestration.executor import growing
from orchestration.models import Decision, Handoff, Run, Step
from orchestration.testing import run_workflow
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

    assert release_step(first.pk, get_signer()) == []

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
    _add_child(child, attempt=2, status="running", finished_at=None)

    assert tell_parent(child.pk) == []

    assert step_of(asking, "kid").status == "waiting"


def test_a_retry_collects_from_the_latest_child_run_whatever_the_clock_says(
    bench: Bench, asking: Run
) -> None:
    """It had succeeded; one of a try before was cancelled, and began an hour later by the clock of then."""
    child = _child_of(asking)
    bench.perform(step_of(child, "own"))
    ahead = child.created_at + timedelta(hours=1)
    Run.objects.filter(pk=child.pk).update(idempotency_key=name_child_run(child.parent_step_id or 0, 1, 0, 2))
    _add_child(child, attempt=1, status="cancelled", finished_at=ahead, created_at=ahead)
    runs.cancel(asking.pk)
    assert step_of(asking, "kid").status == "cancelled"

    with mute_dispatch():
        runs.retry(asking.pk)

    assert step_of(asking, "kid").status == "available"


@pytest.mark.parametrize("is_seen", [True, False], ids=["before", "at the last moment"])
def test_a_child_run_whose_key_is_taken_leaves_no_step_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, is_seen: bool
) -> None:
    """Callers can't take one any more, but could before: the step would have waited for ever."""
    with mute_dispatch():
        runs.publish(CHILD)
        run = bench.start(ASKING)
        taken = runs.start(CHILD.name, {})
    key = name_child_run(step_of(run, "kid").pk, 1, 0, 1)
    Run.objects.filter(pk=taken.pk).update(idempotency_key=key)
    bench.perform(step_of(run, "first"))
    if is_seen:
        bench.perform(step_of(run, "kid"))
        held = step_of(run, "kid")
        assert (held.status, held.child_runs.count()) == ("held", 0)
        assert f"run {taken.pk} has the idempotency key '{key}'" in held.reason
        return
    monkeypatch.setattr(growing, "find_by_key", lambda *_: None)
    bench.perform(step_of(run, "kid"))
    held = step_of(run, "kid")
    assert (held.status, held.child_runs.count()) == ("held", 0)
    assert f"another run has the idempotency key '{key}'" in held.reason


def test_a_child_run_must_name_the_try_that_started_it(asking: Run) -> None:
    child = _child_of(asking)
    assert child.parent_attempt == 1
    for key in (None, "child:1.1.0.", "mail-17"):
        with pytest.raises(IntegrityError, match="run_child_names_its_attempt"), transaction.atomic():
            Run.objects.filter(pk=child.pk).update(idempotency_key=key)


def _add_child(like: Run, *, attempt: int, **changes: Any) -> None:
    """Write a child run of another try of the same step."""
    other = Run.objects.get(pk=like.pk)
    other.pk, other.idempotency_key = uuid4(), name_child_run(like.parent_step_id or 0, 1, 0, attempt)
    for name, value in changes.items():
        setattr(other, name, value)
    other._state.adding = True
    other.save()


def _fan(task: Task) -> Result:
    """Spawn two that would spawn two, three levels deep."""
    further = range(2 if task.step_key.count("/") < 3 else 0)
    return Result(1, spawn=[StepSpec(f"s{n}", agent="test.fan") for n in further])


@pytest.mark.parametrize(
    ("limit", "held"),
    [({"MAX_STEP_DEPTH": 1}, ["fan/s0", "fan/s1"]), ({"MAX_RUN_STEPS": 2}, ["fan"])],
    ids=["depth", "steps"],
)
def test_spawning_ends_at_its_limits(settings: Settings, limit: dict[str, int], held: list[str]) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, **limit}
    spec = WorkflowSpec(name="fans", steps=(StepSpec("fan", agent="test.fan"),))

    done = run_workflow(spec, {}, agents={"test.fan": _fan})

    assert done.held == held
    [setting] = limit
    reasons = Decision.objects.filter(run=done.run, rule="limit").values_list("reason", flat=True)
    assert len(reasons) == len(held)
    assert all(setting in reason for reason in reasons)


def test_child_runs_end_at_their_limit(settings: Settings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_RUN_DEPTH": 2}
    with mute_dispatch():
        for number in range(3, 0, -1):
            step = StepSpec("down", workflow=f"down-{number + 1}") if number < 3 else StepSpec("end", agent=A)
            runs.publish(WorkflowSpec(name=f"down-{number}", steps=(step,)))
    spec = WorkflowSpec(name="down-0", steps=(StepSpec("down", workflow="down-1"),))

    done = run_workflow(spec, {}, agents={A: _echo})

    assert Run.objects.filter(root_id=done.run.pk).count() == 3
    assert "MAX_RUN_DEPTH" in Decision.objects.get(run__root_id=done.run.pk, rule="limit").reason


def test_an_item_over_the_tokens_of_a_hand_off_grows_nothing() -> None:
    spec = WorkflowSpec(
        name="large-items",
        steps=(StepSpec("each", agent=A, for_each="input.items", input={"n": "item"}),),
    )

    done = run_workflow(spec, {"items": ["small", "x" * 17_000]}, agents={A: _echo})

    assert done.held == ["each"]
    decision = Decision.objects.get(run=done.run)
    assert decision.rule == "limit"
    assert "token" in decision.reason
    assert not Step.objects.filter(run=done.run, kind="item").exists()


def test_a_collecting_try_is_handed_nothing() -> None:
    spec = WorkflowSpec(
        name="collects",
        steps=(
            StepSpec("list", agent="test.list"),
            StepSpec("each", agent=A, needs=("list",), for_each="steps.list", input={"n": "item"}),
        ),
    )

    done = run_workflow(spec, {}, agents={A: _echo, "test.list": lambda _: [1, 2]})

    handed = Handoff.objects.filter(attempt__step=done.steps["each"].pk)
    assert list(handed.values_list("attempt__number", flat=True)) == [1]
    assert done.steps["each"].attempt == 2
