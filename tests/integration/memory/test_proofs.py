"""Receipts commit to what was remembered: a value, a version or a row that was changed, added or taken is named."""

import json
from importlib import import_module
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from agents import Result, Task
from agents.domain.memories import read_note
from escalation import escrow
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, memory, runs
from orchestration.domain.bundle import verify_file
from orchestration.domain.receipts import digest_text
from orchestration.domain.states import ResolutionKind
from orchestration.memory.lines import describe_note
from orchestration.models import Memory, MemoryDraft, PendingEffects, Receipt, Run
from orchestration.runs.bundling import bundle
from orchestration.selectors.pending import Pending, load_pending
from orchestration.testing import FinishedRun, run_workflow

pytestmark = pytest.mark.django_db
_SPEC = WorkflowSpec(name="proven", steps=(StepSpec("note", agent="mem.note", fallback=("mem.other",)),))


def _note(task: Task) -> Result:
    task.remember("project", "mine", {"n": 1}, about="customer/7")
    task.remember("agent", "mine", "two")
    return Result("noted")


def _run(agent: Any = _note, **more: Any) -> FinishedRun:
    return run_workflow(_SPEC, {}, agents={"mem.note": agent, "mem.other": lambda _: "other", **more})


def _change(statement: str) -> None:
    """Change rows as somebody would who owns the database."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else what waits in the transaction forbids the next
        cursor.execute("ALTER TABLE orchestration_memory DISABLE TRIGGER USER")
        cursor.execute(statement)


def _approve(run: Run, kind: ResolutionKind = ResolutionKind.APPROVE, **what: Any) -> None:
    ticket = Ticket.objects.get(run=run, status="open")
    ada, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    held = escrow.claim_ticket(ticket.pk, ada)
    seen: dict[str, Any] = {"claim_number": held.claim_number, "seen_digest": held.seen_digest}
    escrow.resolve_ticket(ticket.pk, ada, kind, **seen, **what)


def test_a_receipt_names_what_was_remembered_and_no_value() -> None:
    memory.remember("project", "mine", 0)
    done = _run()
    said = json.loads(Receipt.objects.get(run=done.run).body_json)["memories"]
    rows = Memory.objects.filter(run=done.run).order_by("scope")
    assert said == [[row.scope, row.scope_id, row.key, row.version, row.digest] for row in rows]
    assert [(line[0], line[3]) for line in said] == [("agent", 1), ("project", 2)]
    assert runs.verify(done.run.pk).fault is None


def test_a_receipt_of_a_step_that_remembers_nothing_says_nothing_of_it() -> None:
    done = _run(lambda _: "nothing")
    assert "memories" not in json.loads(Receipt.objects.get(run=done.run).body_json)


_OF_PROJECT = "WHERE scope = 'project'"
_COLUMNS = "value_json, digest, tokens, search, step_id, run_id, attempt_id, valid_from, written_in"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE orchestration_memory SET value_json = '{\"n\":2}'", "value_json does not match"),
        (
            f"UPDATE orchestration_memory SET value_json = '3', digest = '{digest_text('3')}'",
            "no receipt of the step names it with this digest",
        ),
        ("UPDATE orchestration_memory SET version = 7", "no receipt of the step names it"),
        ("UPDATE orchestration_memory SET key = 'other'", "no receipt of the step names it"),
        ("DELETE FROM orchestration_memory", "or it is gone"),
        (
            f"""INSERT INTO orchestration_memory (project_id, scope, scope_id, key, version, {_COLUMNS})
            SELECT project_id, scope, scope_id, 'new', 1, {_COLUMNS} FROM orchestration_memory""",
            "memory 'new' v1 (project): no receipt",
        ),
    ],
)
def test_whatever_is_changed_is_named(change: str, fault: str) -> None:
    done = _run()
    _change(f"{change} {_OF_PROJECT}")
    assert fault in str(runs.verify(done.run.pk).fault)
    assert "step 'note', memory '" in str(runs.verify(done.run.pk).fault)


def test_a_bundle_carries_it_and_proves_it_after_a_forgetting() -> None:
    done = _run()
    whole = bundle(done.run.pk)
    assert verify_file(whole).fault is None
    assert '{\\"n\\":1}' in whole.decode()
    assert '{\\"n\\":1}' not in bundle(done.run.pk, digests_only=True).decode()
    assert "memory 'mine' v1 (project)" in str(
        verify_file(whole.replace(b'{\\"n\\":1}', b'{\\"n\\":2}')).fault
    )
    memory.forget_about("customer/7", reason="a test")
    left = bundle(done.run.pk)
    assert verify_file(left).fault is None
    assert '{\\"n\\":1}' not in left.decode()
    assert verify_file(left).withheld == verify_file(whole).withheld + 1


def _doubt(task: Task) -> Result:
    return Result(_note(task).output, confidence=0.1)


def test_what_a_person_approves_is_in_the_receipt() -> None:
    done = _run(_doubt)
    memory.remember("project", "mine", 0)
    _approve(done.run)
    assert runs.verify(done.run.pk).fault is None
    said = json.loads(Receipt.objects.get(run=done.run).body_json)["memories"]
    assert [(line[0], line[3]) for line in said] == [("agent", 1), ("project", 2)]


def test_another_answer_has_neither_memories_nor_their_names() -> None:
    done = _run(_doubt)
    _approve(done.run, ResolutionKind.EDIT, output="by hand")
    assert not Memory.objects.exists()
    assert "memories" not in json.loads(Receipt.objects.get(run=done.run).body_json)


def test_what_waits_is_forgotten_there_and_the_rest_of_it_is_kept() -> None:
    done = _run(_doubt)
    [told] = memory.forget_about("customer/7", reason="a test")
    assert told.versions == 0
    [left] = json.loads(PendingEffects.objects.get().effects_json)["memory"]
    assert (left["scope"], PendingEffects.objects.get().forgotten) == ("agent", told)
    _approve(done.run)
    assert [row.value_json for row in Memory.objects.all()] == ['"two"']
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    "change",
    ["effects_json = '{}'", "attempt = 7", "remembers = false", "forgotten_id = NULL, effects_json = '{}'"],
)
def test_nobody_else_changes_what_waits(change: str) -> None:
    _run(_doubt)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orchestration_pendingeffects SET {change}")


def test_what_an_answer_would_have_remembered_does_not_outlast_it() -> None:
    step = _run(_doubt).steps["note"]
    assert load_pending(step.pk, 0).attempt == 1
    last = step.attempts.get()
    last.pk, last.number, last.token = None, 2, uuid4()
    last.save(force_insert=True)
    assert load_pending(step.pk, 0) == Pending()


def test_what_waited_as_a_draft_waits_with_the_rest_after_the_upgrade() -> None:
    done = _run(lambda _: Result("unsure", confidence=0.1))
    step = done.steps["note"]
    line = describe_note(
        read_note("project", "k", 1, None, None, None),
        project_id=done.run.project_id,
        scope_id="",
        by_step=step.pk,
        by_run=str(done.run.pk),
        by_attempt=step.attempts.get().pk,
    )
    noted = orjson.dumps({"lines": [line], "embedded": []}).decode()
    MemoryDraft.objects.create(
        step=step, journal=0, path="", project_id=done.run.project_id, lines_json=noted
    )
    migration = import_module("orchestration.migrations.0052_one_place_for_what_waits")
    with connection.cursor() as cursor:
        cursor.execute(migration._MOVE)
    assert not MemoryDraft.objects.exists()
    assert load_pending(step.pk, 0).attempt == 1
    _approve(done.run)
    assert Memory.objects.get().value_json == "1"
    assert runs.verify(done.run.pk).fault is None
