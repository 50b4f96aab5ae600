"""Specs that would take a web process or a worker down are answered like any other bad spec."""

from typing import Any

import pytest

from agents import Result, Task
from orchestration import StepSpec, WorkflowSpec
from orchestration.testing import run_workflow
from tests.integration.api.people import Caller

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
EXPRESSIONS = {
    "a chain": '"1"' + '+"1"' * 100_000,
    "brackets": "(" * 100_000,
    "a mebibyte": "'" + "x" * 1_000_000 + "'",
}


@pytest.fixture
def admin(callers: dict[str, Caller]) -> Caller:
    return callers["admin"]


def _spec(**step: Any) -> dict[str, Any]:
    return {"name": "x", "steps": [{"key": "a", "agent": "crm.history", **step}]}


@pytest.mark.parametrize("kind", EXPRESSIONS)
@pytest.mark.parametrize("field", ["input.x", "when", "for_each"])
def test_a_hostile_expression_is_a_fault_of_its_field(admin: Caller, kind: str, field: str) -> None:
    source = EXPRESSIONS[kind]
    spec = _spec(input={"x": source}) if field == "input.x" else _spec(**{field: source})
    checked = admin.post(f"{V1}/workflows/validate", {"spec": spec, "project": "desk"})
    assert checked.status_code == 200
    assert checked.json()["errors"][0]["field"] == f"steps.a.{field}"
    assert len(checked.content) < 2_000
    assert admin.post(f"{V1}/workflows", {"spec": spec, "project": "desk"}).status_code == 400


@pytest.mark.parametrize("kind", EXPRESSIONS)
def test_a_hostile_expression_of_a_spawned_step_is_an_unreadable_answer(kind: str) -> None:
    def spawn(_task: Task) -> Result:
        return Result(1, spawn=[{"key": "b", "agent": "hostile.spawner", "when": EXPRESSIONS[kind]}])

    spec = WorkflowSpec(name="hostile-spawn", steps=(StepSpec("a", agent="hostile.spawner"),))
    done = run_workflow(spec, agents={"hostile.spawner": spawn})
    assert done.held == ["a"]
    assert "bad CEL expression: it" in done.steps["a"].reason
