"""Specs that would take a web process or a worker down are answered like any other bad spec."""

import json
from typing import Any

import pytest
from django.db import connection

from agents import Result, Task
from orchestration import StepSpec, WorkflowSpec
from orchestration.api.bodies import ReasonBody
from orchestration.models import Workflow
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


def test_of_very_many_unknown_fields_the_first_are_looked_at() -> None:
    body = ReasonBody(data={f"k{number}": 1 for number in range(1_000)})
    assert not body.is_valid()
    assert list(body.errors) == [f"k{number}" for number in range(100)]


@pytest.mark.parametrize("kind", EXPRESSIONS)
def test_a_hostile_expression_of_a_spawned_step_is_an_unreadable_answer(kind: str) -> None:
    def spawn(_task: Task) -> Result:
        return Result(1, spawn=[{"key": "b", "agent": "hostile.spawner", "when": EXPRESSIONS[kind]}])

    spec = WorkflowSpec(name="hostile-spawn", steps=(StepSpec("a", agent="hostile.spawner"),))
    done = run_workflow(spec, agents={"hostile.spawner": spawn})
    assert done.held == ["a"]
    assert "bad CEL expression: it" in done.steps["a"].reason


SCHEMAS = {
    "a reference over the network": {"$ref": "http://127.0.0.1:9/x"},
    "a reference to a file": {"$ref": "file:///etc/hostname"},
    "a dangling reference": {"properties": {"a": {"$ref": "#/$defs/a"}}},
    "a circle": {"$ref": "#"},
    "an unknown dialect": {"$schema": "http://json-schema.org/draft-03/schema#"},
    "a bad pattern": {"properties": {"a": {"pattern": "(["}}},
    "a large one": {"properties": {f"property-{at}": {} for at in range(40_000)}},
}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_hostile_schema_is_a_fault_of_its_field(admin: Caller, kind: str) -> None:
    for spec, field in (
        ({**_spec(), "input_schema": SCHEMAS[kind]}, "input_schema"),
        ({"name": "x", "steps": [{"key": "a", "agent": "human", "form": SCHEMAS[kind]}]}, "steps.a.form"),
    ):
        checked = admin.post(f"{V1}/workflows/validate", {"spec": spec, "project": "desk"})
        assert checked.status_code == 200
        assert [fault["field"].startswith(field) for fault in checked.json()["errors"]] == [True]
        assert admin.post(f"{V1}/workflows", {"spec": spec, "project": "desk"}).status_code == 400


def test_one_bad_input_of_a_batch_is_its_own_fault(admin: Caller) -> None:
    schema = {"properties": {"n": {"pattern": "^(a+)+$"}}}
    spec = {**_spec(), "input_schema": schema}
    assert admin.post(f"{V1}/workflows", {"spec": spec, "project": "desk"}).status_code == 201
    inputs = [{"n": "aa"}, {"n": "a" * 40 + "b"}, {}]
    starts: list[dict[str, Any]] = [{"workflow": "x", "project": "desk", "input": given} for given in inputs]
    answer = admin.post(f"{V1}/runs/batch", {"runs": starts})
    assert answer.status_code == 200
    codes = [result["problem"] and result["problem"]["code"] for result in answer.json()["results"]]
    assert codes == [None, "input_invalid", None]


def test_a_version_published_before_the_checks_is_a_problem_of_its_starts_only(admin: Caller) -> None:
    for name in ("old", "x"):
        spec = {**_spec(), "name": name}
        assert admin.post(f"{V1}/workflows", {"spec": spec, "project": "desk"}).status_code == 201
    row = Workflow.objects.get(name="old")
    stored = {**json.loads(row.spec_json), "input_schema": {"$ref": "http://127.0.0.1:9/x"}}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE orchestration_workflow SET spec_json = %s WHERE id = %s", (json.dumps(stored), row.pk)
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    starts: list[dict[str, Any]] = [
        {"workflow": name, "project": "desk", "input": {}} for name in ("old", "x")
    ]
    answer = admin.post(f"{V1}/runs/batch", {"runs": starts})
    assert answer.status_code == 200
    codes = [result["problem"] and result["problem"]["code"] for result in answer.json()["results"]]
    assert codes == ["spec_invalid", None]


MANY: dict[str, tuple[str, dict[str, Any]]] = {
    "fields": ("runs", {f"field-{at}": 1 for at in range(5_000)}),
    "fields of a batch": ("runs/batch", {"runs": [{f"field-{at}": 1 for at in range(50)}] * 100}),
    "fields of a spec": ("workflows", {"spec": {f"field-{at}": 1 for at in range(5_000)}}),
    "steps": ("workflows", {"spec": {"name": "x", "steps": [{}] * 5_000}}),
    "needs": ("workflows", {"spec": _spec(needs=[f"other-{at}" for at in range(5_000)])}),
}


@pytest.mark.parametrize("kind", MANY)
def test_of_very_many_faults_the_first_are_named(admin: Caller, kind: str) -> None:
    address, body = MANY[kind]
    answer = admin.post(f"{V1}/{address}", body | ({"project": "desk"} if "spec" in body else {}))
    assert answer.status_code == 400
    assert 100 <= len(answer.json()["errors"]) <= 101
    assert len(answer.content) < 40_000


def test_how_many_more_faults_a_spec_has_is_said(admin: Caller) -> None:
    _, body = MANY["needs"]
    checked = admin.post(f"{V1}/workflows/validate", {**body, "project": "desk"}).json()
    assert checked["errors"][0]["message"] == "no step 'other-0' in this workflow"
    assert checked["errors"][-1] == {"field": "workflow", "message": "4900 more faults; mend these first"}


@pytest.mark.parametrize("schema", [{"$id": "http://["}, {"$id": "http://h/", "items": {"$id": "//["}}])
def test_an_address_in_a_schema_that_is_none_is_a_fault_of_the_schema(
    admin: Caller, schema: dict[str, Any]
) -> None:
    body = {"spec": {**_spec(), "input_schema": schema}, "project": "desk"}
    (fault,) = admin.post(f"{V1}/workflows/validate", body).json()["errors"]
    assert fault["field"] == "input_schema"
    assert fault["message"].startswith('an "$id" or "id" is no address: ')
