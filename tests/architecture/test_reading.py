"""JSON from outside has one reader, `agents/domain/reading.py`; the lax one only reads back what we wrote ourselves."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PRODUCT_ROOMS, Source, sources

_LAX = frozenset({"loads", "load", "JSONDecoder", "raw_decode", "model_validate_json", "validate_json"})
_OWN_TEXT = {
    "agents/domain/json_schema.py": "a schema's text that it has just written",
    "agents/domain/reading.py": "the reader itself",
    "agents/invoke.py": "reads canonical JSON back that it has just written",
    "agents/runtimes/model/backend.py": "answers of calls as they were stored",
    "config/demo/stage.py": "a file of the state folder",
    "config/services/record.py": "a file of the state folder",
    "escalation/domain/draft.py": "a draft as it was stored",
    "escalation/selectors/received.py": "a hand-off as it was stored",
    "escalation/admin/whole.py": "parts of a ticket as they were stored",
    "escalation/domain/words.py": "columns, for their words",
    "escalation/domain/excerpt.py": "the beginning of a column, shown",
    "orchestration/admin/visible.py": "a column, shown",
    "orchestration/api/fields.py": "a column, shown",
    "orchestration/domain/bundle.py": "stands alone, and refuses a file that is not in its one form",
    "orchestration/evaluation/child.py": "what this process and its helper write each other",
    "orchestration/executor/summarising.py": "a summary that it has just written",
    "orchestration/handoff/digest.py": "outputs as they were stored",
    "orchestration/handoff/assemble.py": "outputs as they were stored",
    "orchestration/runs/family.py": "outputs as they were stored",
    "orchestration/runs/receipts_fit.py": "receipts, and what was rebuilt of them",
    "orchestration/runs/seals.py": "seals, and what was rebuilt of them",
    "orchestration/worker/heart.py": "what its own pacemaker says",
    "orchestration/worker/pacemaker.py": "what the hearts that it serves say",
    "orchestration/selectors/lineage_words.py": "columns, without their secrets",
    "orchestration/selectors/mailboxes.py": "bodies as they were stored",
    "orchestration/selectors/admission.py": "columns",
    "orchestration/selectors/follow.py": "columns",
    "orchestration/selectors/trees.py": "columns",
    "orchestration/selectors/verifiers.py": "columns",
    "orchestration/database/statements.py": "what psycopg reads columns with",
}


def _is_own(argument: ast.expr) -> bool:
    """Tell whether a text is a row's column (all end in `_json`), or was written a moment ago."""
    if isinstance(argument, ast.BoolOp):
        return _is_own(argument.values[0])
    if isinstance(argument, ast.Call):
        return ast.unparse(argument.func) in {"json.dumps", "dump_step"}
    name = argument.attr if isinstance(argument, ast.Attribute) else getattr(argument, "id", "")
    return name.endswith("_json")


def _lax_reads(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"json", "orjson", "json.decoder"}:
            yield from (source.at(node, f"imports {a.name}") for a in node.names if a.name in _LAX)
        if not isinstance(node, ast.Attribute) or node.attr not in _LAX:
            continue
        asked = [call for call in ast.walk(source.tree) if isinstance(call, ast.Call) and call.func is node]
        if not any(call.args and _is_own(call.args[0]) for call in asked):
            yield source.at(node, ast.unparse(node))


def test_what_comes_from_outside_is_read_strictly() -> None:
    lax = [
        line
        for source in sources(*PRODUCT_ROOMS)
        if source.path not in _OWN_TEXT
        for line in _lax_reads(source)
    ]
    assert lax == [], "read it with agents.domain.reading.read_json"


def test_no_exception_is_left_over() -> None:
    found = {source.path: list(_lax_reads(source)) for source in sources(*PRODUCT_ROOMS)}
    assert [path for path in _OWN_TEXT if not found[path]] == []


@pytest.mark.parametrize(
    "code",
    [
        "json.loads(text)",
        "orjson.loads(request.body)",
        "from json import loads",
        "json.load(file)",
        "json.JSONDecoder().decode(text)",
        "read = json.loads",
        "Model.model_validate_json(text)",
        "json.loads(form['output_json'])",
    ],
)
def test_each_lax_way_is_caught(code: str) -> None:
    assert list(_lax_reads(Source.parse("escalation/admin/page.py", code))) != []


@pytest.mark.parametrize("code", ["json.loads(run.input_json)", "json.loads(row.output_json or 'null')"])
def test_a_column_may_be_read_back(code: str) -> None:
    assert list(_lax_reads(Source.parse("escalation/admin/page.py", code))) == []
