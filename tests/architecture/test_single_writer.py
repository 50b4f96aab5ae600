"""Only `orchestration/transitions` writes runs and steps; only `escalation/escrow` writes tickets."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import Source, sources

_STATUS_WRITERS = ("orchestration/transitions/", "escalation/escrow/")
_SQL_WRITERS = {"orchestration": "orchestration/transitions/", "escalation": "escalation/escrow/"}
_SQL_WRITE = re.compile(
    r"\b(?:UPDATE|INSERT\s+INTO|DELETE\s+FROM)\s+(?:ONLY\s+)?\"?(orchestration|escalation)_(?:run|step|ticket)\b",
    re.IGNORECASE,
)
_WRITE_METHODS = frozenset({"update", "delete", "create", "bulk_create", "bulk_update", "update_or_create"})


def _status_writes(source: Source) -> Iterator[str]:
    """Yield where a status is set, whatever it belongs to: in these rooms, it belongs to a row."""
    if source.path.startswith(_STATUS_WRITERS):
        return
    for node in ast.walk(source.tree):
        if any(_is_status(target) for target in _targets(node)):
            yield source.at(node, "assigns .status")
        if isinstance(node, ast.Call) and _sets_status(node):
            yield source.at(node, "updates status")


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return [part for target in node.targets for part in ast.walk(target) if isinstance(part, ast.expr)]
    if isinstance(node, ast.AugAssign | ast.AnnAssign):
        return [node.target]
    return []


def _is_status(target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "status"


def _sets_status(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "setattr" and _names_status(call.args)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name in {"update", "aupdate", "update_or_create"}:
        return any(keyword.arg == "status" for keyword in call.keywords) or _names_status(
            [keyword.value for keyword in call.keywords]
        )
    return name == "bulk_update" and _names_status(
        [*call.args, *(keyword.value for keyword in call.keywords)]
    )


def _names_status(values: list[ast.expr]) -> bool:
    return any(
        isinstance(part, ast.Constant) and part.value == "status"
        for value in values
        for part in ast.walk(value)
    )


def _sql_writes(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in _SQL_WRITE.finditer(node.value):
                if not source.path.startswith(_SQL_WRITERS[found.group(1).lower()]):
                    yield source.at(node, f"writes by SQL: {found.group(0)}")


# Dispatch notes on a join that it compiled a chord for it; a status it may not touch (above).
_ROW_WRITERS = ("orchestration/transitions/", "orchestration/dispatch.py")


def _model_writes(source: Source) -> Iterator[str]:
    """Yield `Run.objects...update()` and the like outside the single writer."""
    if source.path.startswith(_ROW_WRITERS):
        return
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _WRITE_METHODS
        ):
            root = node.func.value
            while isinstance(root, ast.Attribute | ast.Call):
                root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name) and root.id in {"Run", "Step", "Attempt"}:
                yield source.at(node, f"{root.id}...{node.func.attr}()")


def _violations(source: Source) -> list[str]:
    return [*_status_writes(source), *_sql_writes(source), *_model_writes(source)]


def test_only_the_single_writers_write() -> None:
    rooms = sources("agents", "orchestration", "escalation", "examples", "config")
    assert any(source.path.startswith("orchestration/transitions/") for source in rooms)
    assert [line for source in rooms for line in _violations(source)] == []


@pytest.mark.parametrize(
    "code",
    [
        "step.status = 'succeeded'",
        "step.status, x = 'held', 1",
        "Step.objects.filter(pk=1).update(status='held')",
        "queryset.update(status='held')",
        "queryset.update(**{'status': 'held'})",
        "rows.bulk_update(steps, ['status'])",
        "rows.bulk_update(steps, fields=['status'])",
        "setattr(run, 'status', 'failed')",
        "cursor.execute('UPDATE orchestration_step SET token = NULL')",
        "cursor.execute('update  orchestration_run set status = 1')",
        "SQL = f'DELETE FROM orchestration_step WHERE {x}'",
        "Run.objects.filter(pk=1).delete()",
        "Step.objects.create(run=run)",
        "cursor.execute('UPDATE escalation_ticket SET draft_json = 1')",
    ],
)
@pytest.mark.parametrize("path", ["orchestration/runs.py", "escalation/admin/pages.py"])
def test_each_way_around_the_writer_is_caught(path: str, code: str) -> None:
    assert _violations(Source.parse(path, code)) != []


@pytest.mark.parametrize(
    "code",
    [
        "status = row.status",
        "Step.objects.filter(status='held')",
        "payload.update(state='x')",
        "cursor.execute('SELECT 1 FROM orchestration_step FOR UPDATE OF s')",
        "Project.objects.create(slug='x')",
    ],
)
def test_reading_is_free(code: str) -> None:
    assert _violations(Source.parse("orchestration/runs.py", code)) == []


def test_dispatch_may_note_its_chord_but_no_status() -> None:
    note = Source.parse("orchestration/dispatch.py", "Step.objects.filter(pk=1).update(chord_intact=True)")
    status = Source.parse("orchestration/dispatch.py", "Step.objects.filter(pk=1).update(status='held')")
    assert _violations(note) == []
    assert _violations(status) != []


def test_escrow_may_write_tickets_but_not_steps() -> None:
    ticket = Source.parse(
        "escalation/escrow/claims.py", "SQL = 'UPDATE escalation_ticket SET claim_number = 1'"
    )
    step = Source.parse("escalation/escrow/claims.py", "SQL = 'UPDATE orchestration_step SET token = NULL'")
    assert _violations(ticket) == []
    assert _violations(step) != []
