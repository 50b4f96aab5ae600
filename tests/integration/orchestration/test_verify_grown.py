"""The proof of runs that grew, were sent back, failed, were retried and forked: every stored byte counts there too."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, models, transaction

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.models import (
    Attempt,
    Decision,
    Edge,
    Event,
    Handoff,
    PastOutput,
    Project,
    Receipt,
    Run,
    Seal,
    Step,
)
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.orchestration.test_verify import _UNSEEN, _goes_unseen, _open_for_tampering

pytestmark = pytest.mark.django_db

_CHILD = WorkflowSpec(name="proof-child", steps=(StepSpec("do", agent="test.work"),))
_SPEC = WorkflowSpec(
    name="proof-grown",
    steps=(
        StepSpec("fetch", agent="test.work"),
        StepSpec("each", agent="test.work", for_each="[1, 2]", needs=("fetch",)),
        StepSpec("draft", agent="test.work", needs=("each",), verify=Verify("test.judge")),
        StepSpec("ask", workflow="proof-child", after=("fetch",)),
        StepSpec("critic", agent="test.critic", needs=("draft",), after=("ask",)),
        StepSpec("stop", agent="test.stop", needs=("critic",), on_failure="abort"),
        StepSpec("end", agent="test.work", needs=("stop",)),
    ),
)


def _make() -> FinishedRun:
    back = iter([Result.rework("fetch", "bad data")])
    fails = iter([ValueError("not yet")])

    def stop(_task: Task) -> Any:
        for error in fails:
            raise error
        return {}

    agents = {
        "test.work": lambda task: {"by": task.step_key, "after": task.feedback},
        "test.judge": lambda _task: {"verdict": "PASS", "reasons": []},
        "test.critic": lambda _task: next(back, Result({})),
        "test.stop": stop,
    }
    with override(agents):
        runs.publish(_CHILD)
        failed = run_workflow(_SPEC, agents=agents)
        assert failed.status == "failed"
        assert runs.verify(failed.run.pk).fault is None
        runs.retry(failed.run.pk)
        finished = drive(failed.run.pk, agents=agents)
        # Something else that the reference to the workflow could be turned to.
        runs.publish(replace(_SPEC, description="another version"))
    return finished


@pytest.fixture
def done() -> FinishedRun:
    finished = _make()
    assert finished.status == "succeeded"
    Project.objects.create(slug="other", name="Other")
    User.objects.create_user("other")
    assert runs.verify(finished.run.pk).fault is None
    assert finished.run.seals.count() == 2
    assert PastOutput.objects.filter(run=finished.run).count() == 4
    _open_for_tampering()
    return finished


def _steps(done: FinishedRun) -> list[models.Model]:
    """Return one of each sort: an item, a verifier, one that is history, one with a past, one with a child run."""
    keys = ("each~1[0]", "draft~1?0", "each[0]", "fetch", "ask")
    return list(Step.objects.filter(run=done.run, key__in=keys))


def _rows(model: type[models.Model], done: FinishedRun) -> list[models.Model]:
    if model is Step:
        return _steps(done)
    if model is Run:
        return [done.run]
    rows = list(model._default_manager.filter(run=done.run.pk).order_by("pk"))
    if model is Edge:
        return [row for row in rows if row.is_child][:1] + rows[-1:]  # type: ignore[attr-defined]
    if model is Seal:
        return rows
    return [rows[0], rows[len(rows) // 2], rows[-1]]


@pytest.mark.parametrize(
    "model", [Run, Step, Edge, Attempt, Decision, Handoff, PastOutput, Receipt, Seal, Event]
)
def test_every_column_is_covered(done: FinishedRun, model: type[models.Model]) -> None:
    unseen = {
        f"{model.__name__}.{field.name}"
        for field in model._meta.concrete_fields
        if not field.primary_key and not field.generated
        for row in _rows(model, done)
        if _goes_unseen(row, field, done)
    }
    assert unseen == {name for name in _UNSEEN if name.startswith(f"{model.__name__}.")}


@pytest.mark.parametrize("model", [Step, Edge, Attempt, Decision, Handoff, PastOutput, Receipt, Seal, Event])
def test_every_row_that_is_gone_is_missed(done: FinishedRun, model: type[models.Model]) -> None:
    for row in _rows(model, done):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE id = %s", [row.pk])
            assert runs.verify(done.run.pk).fault is not None, f"{row!r} can be deleted unnoticed"
            transaction.set_rollback(True)


def test_an_output_of_a_child_run_is_missed_by_both(done: FinishedRun) -> None:
    child = done.steps["ask"].child_runs.order_by("-parent_attempt").first()
    assert child is not None
    Step.objects.filter(run=child).update(output_json='{"by":"nobody"}')
    assert runs.verify(child.pk).fault == "step 'do': output_json does not match its digest"
    assert runs.verify(done.run.pk).fault == f"step 'ask': its output is not that of run {child.pk}"


@pytest.mark.parametrize("change", [{"depth": 2}, {"parent_step": None}])
def test_a_child_run_that_is_hung_up_elsewhere_is_noticed(done: FinishedRun, change: dict[str, Any]) -> None:
    child = done.steps["ask"].child_runs.order_by("-parent_attempt").first()
    assert child is not None
    Run.objects.filter(pk=child.pk).update(**change)
    assert str(runs.verify(child.pk).fault).startswith("run: ")


def test_a_past_output_that_is_put_back_is_noticed(done: FinishedRun) -> None:
    """Turn the step back to what it had put out first, with the receipt of that time."""
    past = PastOutput.objects.get(step=done.steps["fetch"])
    Step.objects.filter(pk=done.steps["fetch"].pk).update(
        output_json=past.output_json,
        output_digest=past.output_digest,
        receipt_digest=past.receipt_digest,
        revision=past.revision,
        finished_at=past.finished_at,
    )
    assert runs.verify(done.run.pk).fault is not None


def test_the_look_at_a_long_run_is_a_few_queries(
    done: FinishedRun, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(30):
        assert runs.verify(done.run.pk).fault is None


def test_receipts_from_before_revisions_get_theirs_back(done: FinishedRun) -> None:
    fill = import_module("orchestration.migrations.0012_receipts_of_revisions").FILL
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ringmaster.retention = 'on'")
        # As it was called when that migration ran.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TRIGGER receipt_is_kept ON orchestration_receipt RENAME TO receipt_is_immutable"
        )
    PastOutput.objects.filter(run=done.run).delete()  # there were none
    Receipt.objects.filter(run=done.run, revision=0, step__revision__gt=0).delete()
    stood = list(Receipt.objects.filter(run=done.run).order_by("id").values_list("id", "revision"))
    assert Receipt.objects.filter(run=done.run).update(revision=0)
    with connection.cursor() as cursor:
        cursor.execute(fill)
    assert list(Receipt.objects.filter(run=done.run).order_by("id").values_list("id", "revision")) == stood
    with pytest.raises(DatabaseError, match="kept as they were written"), transaction.atomic():
        Receipt.objects.filter(run=done.run).update(revision=0)
