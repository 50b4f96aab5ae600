"""Change any stored byte of a run and `verify` says which; what it can't see is listed, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, models, transaction

from agents import Result, Task, TransientError
from agents.invoke import override
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.receipts import digest_text
from orchestration.models import (
    AgentContext,
    Attempt,
    Decision,
    Edge,
    Event,
    Handoff,
    Project,
    Receipt,
    Run,
    Seal,
    Step,
    Usage,
    Workflow,
)
from orchestration.testing import FinishedRun, run_workflow

pytestmark = pytest.mark.django_db

_LONG = "The lamp came on Monday and its glass was broken. " * 400
_SPEC = WorkflowSpec(
    name="proof",
    steps=(
        StepSpec("letter", agent="test.letter"),
        StepSpec("history", agent="test.flaky", retry=Retry(backoff_base_seconds=0, jitter_seconds=0)),
        StepSpec("stock", agent="test.broken", critical=False),
        StepSpec("draft", agent="test.writer", needs=("letter", "history", "stock"), after=()),
        StepSpec("send", agent="test.sender", after=("draft",), when="input.send"),
    ),
)


def _flaky(task: Task) -> Result:
    if task.attempt == 1:
        raise TransientError("try again")
    return Result({"orders": 2}, confidence=0.9, usage={"input_tokens": 7, "cost_usd": "0.0120"})


def _broken(task: Task) -> None:
    raise ValueError("no such stock")


_AGENTS: dict[str, Callable[[Task], Any]] = {
    "test.letter": lambda _task: {"text": _LONG},
    "test.flaky": _flaky,
    "test.broken": _broken,
    "test.writer": lambda task: {"draft": sorted(task.handoff)},
    "test.sender": lambda _task: {},
}


@pytest.fixture
def done() -> FinishedRun:
    """A run with a retry, a skip, a summary and a false condition, whose proof holds."""
    finished = run_workflow(
        _SPEC,
        {"send": False},
        agents=_AGENTS,
        idempotency_key="k",
    )
    assert finished.status == "succeeded"
    # Something else that each reference could be turned to.
    Project.objects.create(slug="other", name="Other")
    User.objects.create_user("other")
    with override(_AGENTS):
        runs.publish(replace(_SPEC, description="another version"))
    assert runs.verify(finished.run.pk).fault is None
    assert finished.run.handoffs.exclude(summary_json=None).count() == 1
    return finished


_MODELS: tuple[type[models.Model], ...] = (
    Workflow,
    Run,
    AgentContext,
    Step,
    Edge,
    Attempt,
    Usage,
    Decision,
    Handoff,
    Receipt,
    Seal,
    Event,
)
# Columns whose change goes unnoticed, and why that is so.
_UNSEEN = {
    "Workflow.published_at": "the workflow's own; a run is pinned to the content",
    "Step.unreleased": "a mark for the maintainer; it is cleared when the run is sealed already",
    "Run.untold": "a mark for the maintainer; the step that waited is told after the run is sealed",
    "Run.is_parked": "a mark for the actor's next turn; what became of the messages stands in their deliveries",
    "Step.waits_on": "the name of what it waits on; nobody waits any more when the run is sealed",
    "AgentContext.has_budget": "a hint that calls have to ask; what was spent stands in rows that are kept",
    "Event.transaction_id": "a mark for followers; it says nothing of the run",
    "Step.chord_intact": "a mark for the dispatcher; it says what Celery may do, not what happened",
}


@pytest.mark.parametrize("model", _MODELS)
def test_every_column_of_every_row_is_covered(done: FinishedRun, model: type[models.Model]) -> None:
    _open_for_tampering()
    unseen = {
        f"{model.__name__}.{field.name}"
        for field in model._meta.concrete_fields
        if not field.primary_key and not field.generated
        for row in _some_of(_rows_of(model, done))
        if _goes_unseen(row, field, done)
    }
    assert unseen == {name for name in _UNSEEN if name.startswith(f"{model.__name__}.")}


def _rows_of(model: type[models.Model], done: FinishedRun) -> list[models.Model]:
    if model is Workflow:
        return [done.run.workflow]
    return list(
        model._default_manager.filter(**{"pk" if model is Run else "run": done.run.pk}).order_by("pk")
    )


def _some_of(rows: list[models.Model]) -> list[models.Model]:
    """Return the first, a middle and the last row: a clean, a failed and a passed-over one where there are such."""
    return list({row.pk: row for row in (rows[0], rows[len(rows) // 2], rows[-1])}.values())


def _goes_unseen(row: models.Model, field: "models.Field[Any, Any]", done: FinishedRun) -> bool:
    """Change one column of one row, look, and put it back. A CHECK that refuses the change sees it too."""
    meta = row._meta
    assert meta.pk is not None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f'UPDATE {meta.db_table} SET "{field.column}" = {_other_value(field)} WHERE "{meta.pk.column}" = %s',
                [row.pk],
            )
            assert cursor.rowcount == 1
            is_unseen = runs.verify(done.run.pk).fault is None
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return is_unseen


def _open_for_tampering() -> None:
    """Take the triggers off, as somebody with the owner's rights could."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("event", "workflow", "receipt", "seal", "pastoutput", "attempt", "decision", "usage"):
            cursor.execute(f"ALTER TABLE orchestration_{table} DISABLE TRIGGER USER")


def _other_value(field: "models.Field[Any, Any]") -> str:
    """Return SQL for another value of a column that no constraint refuses."""
    known = _OTHER_KEY if isinstance(field, models.ForeignKey) else _OTHER_WORD
    if field.name in known:
        return known[field.name]
    forms = [form for kind, form in _OTHER_OF_KIND.items() if isinstance(field, kind)]
    return (forms or [_OTHER_TEXT])[0].format(column=f'"{field.column}"')


_OTHER_OF_KIND: dict[type, str] = {
    models.BooleanField: "NOT {column}",
    models.DateTimeField: "coalesce({column}, clock_timestamp()) + interval '1 microsecond'",
    models.IntegerField: "coalesce({column}, 0) + 1",
    models.DecimalField: "coalesce({column}, 0) + 1",
    models.FloatField: "coalesce({column}, 0) + 1",
    models.ForeignKey: "coalesce({column}, 0) + 1",
    models.UUIDField: "gen_random_uuid()",
    models.JSONField: """'{{"x": 1}}'""",
}
_OTHER_TEXT = "overlay(coalesce({column}, '') placing '#' from greatest(length({column}), 1))"
_OTHER_WORD = {
    "status": "CASE WHEN status = 'succeeded' THEN 'skipped' ELSE 'succeeded' END",
    "outcome": "'crashed'",
    "token": "gen_random_uuid()",
    "data_json": """'{"x":1}'""",
}
_OTHER_KEY = {
    "run": "gen_random_uuid()",
    "forked_from": "gen_random_uuid()",
    "project": "(SELECT max(id) FROM orchestration_project)",
    "requested_by": "(SELECT max(id) FROM auth_user)",
    "workflow": "(SELECT max(id) FROM orchestration_workflow)",
}


@pytest.mark.parametrize("model", [Step, Edge, Attempt, Usage, Decision, Handoff, Receipt, Seal, Event])
def test_every_row_that_is_gone_is_missed(done: FinishedRun, model: type[models.Model]) -> None:
    _open_for_tampering()
    for row in _rows_of(model, done):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # no cascade, no refusal
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE id = %s", [row.pk])
            assert runs.verify(done.run.pk).fault is not None, f"{row!r} can be deleted unnoticed"
            transaction.set_rollback(True)


@pytest.mark.parametrize("kind", ["step_succeeded", "run_closed"])
def test_a_line_added_to_the_history_is_noticed(done: FinishedRun, kind: str) -> None:
    Event.objects.create(run=done.run, kind=kind, data_json="{}", at=done.run.created_at)
    assert runs.verify(done.run.pk).fault is not None


def test_another_keys_seal_is_refused(done: FinishedRun, settings: LazySettings) -> None:
    settings.SECRET_KEY = "another secret"
    assert runs.verify(done.run.pk).fault == (
        "seal: it was signed by another key than this installation's (RINGMASTER_SIGNING_KEY); if it was its own "
        "before, name it in FORMER_SIGNING_KEYS (list_signing_keys shows it)"
    )


def test_a_former_keys_seal_holds(done: FinishedRun, settings: LazySettings) -> None:
    former = Seal.objects.get(run=done.run).public_key
    settings.SECRET_KEY = "another secret"
    settings.RINGMASTER = settings.RINGMASTER | {"FORMER_SIGNING_KEYS": [former]}
    assert runs.verify(done.run.pk).fault is None


def test_a_resealed_forgery_needs_the_key(done: FinishedRun) -> None:
    """Change an output, make everything fit again, and only the signature is left to tell."""
    _open_for_tampering()
    forged = Seal.objects.get(run=done.run)
    body = forged.body_json.replace('"status":"succeeded"', '"status":"failed"')
    Run.objects.filter(pk=done.run.pk).update(status="failed")
    Event.objects.filter(run=done.run, kind="run_closed").update(data_json='{"status":"failed"}')
    Seal.objects.filter(pk=forged.pk).update(body_json=body, root=digest_text(body))
    assert runs.verify(done.run.pk).fault == "seal: the signature is not of this root"
