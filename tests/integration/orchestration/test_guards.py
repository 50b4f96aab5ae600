"""What the database refuses by itself, whoever writes: each rule by its name, and every change of history."""

from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations import RunSQL

from orchestration.domain.states import FINAL, Stage, StepStatus
from orchestration.domain.waits import WaitsFor
from orchestration.models import Event, Receipt, Seal, Step
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db


@pytest.fixture
def rig() -> Rig:
    """Step `done` is finished, `running` and `waiting` are what their names say."""
    rig = Rig.begin(graph({"done": (), "running": (), "waiting": ["done", "running"]}))
    rig.work_through("done")
    rig.take("running")
    return rig


def _execute(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    ("key", "change", "constraint"),
    [
        ("waiting", "status = 'asleep'", "step_status_known"),
        ("running", "token = NULL", "step_running_is_claimed"),
        ("running", "process_id = NULL", "step_running_is_claimed"),
        ("running", "claimed_at = NULL", "step_running_is_claimed"),
        ("running", "deadline_at = NULL", "step_running_is_claimed"),
        ("waiting", "status = 'running'", "step_running_is_claimed"),
        ("waiting", "token = gen_random_uuid()", "step_running_is_claimed"),
        ("waiting", "process_id = 1", "step_running_is_claimed"),
        ("done", "finished_at = NULL", "step_final_is_finished"),
        ("waiting", "finished_at = now()", "step_final_is_finished"),
        ("waiting", "status = 'cancelled'", "step_final_is_finished"),
        ("done", "output_json = NULL", "step_done_has_output_and_receipt"),
        ("done", "output_digest = NULL", "step_done_has_output_and_receipt"),
        ("done", "receipt_digest = NULL", "step_done_has_output_and_receipt"),
        ("waiting", "status = 'retryable'", "step_retryable_has_due"),
        ("waiting", "due_at = now()", "step_retryable_has_due"),
        ("waiting", "unreleased = true", "step_unreleased_is_done"),
        ("waiting", "crashes = -1", "step_counts_from_zero"),
        ("waiting", "position = -1", "step_counts_from_zero"),
        ("done", "output_tokens = -1", "step_counts_from_zero"),
        ("waiting", "status = 'waiting', stage = ''", "step_waiting_has_stage"),
        ("waiting", "stage = 'naps'", "step_stage_known"),
        ("waiting", "status = 'available', waits_for = 'godot'", "step_wait_known"),
        ("waiting", "waits_for = 'ring'", "step_wait_is_available"),
        ("running", "waits_for = 'pool'", "step_wait_is_available"),
        ("done", "waits_for = 'agent'", "step_wait_is_available"),
        ("waiting", "key = 'done'", "step_key_once"),
    ],
)
def test_a_step_that_can_not_be_is_refused(rig: Rig, key: str, change: str, constraint: str) -> None:
    before = Step.objects.filter(run=rig.run_id).values().order_by("pk")
    stood = list(before)
    with pytest.raises(IntegrityError, match=constraint):
        _execute(f"UPDATE orchestration_step SET {change} WHERE id = %s", rig.step(key).pk)
    assert list(before.all()) == stood


@pytest.mark.parametrize("status", list(StepStatus))
def test_every_status_is_known(rig: Rig, status: StepStatus) -> None:
    refusal = ""
    try:
        _execute("UPDATE orchestration_step SET status = %s WHERE id = %s", status, rig.step("waiting").pk)
    except IntegrityError as error:
        refusal = str(error)
    assert "step_status_known" not in refusal


@pytest.mark.parametrize("word", list(WaitsFor))
def test_an_available_step_may_wait_for_all_that_is_listed(rig: Rig, word: WaitsFor) -> None:
    _execute(
        "UPDATE orchestration_step SET status = 'available', waits_for = %s WHERE id = %s",
        word,
        rig.step("waiting").pk,
    )
    assert rig.step("waiting").waits_for == word


@pytest.mark.parametrize("stage", list(Stage))
def test_a_step_may_have_started_all_that_is_listed(rig: Rig, stage: Stage) -> None:
    _execute("UPDATE orchestration_step SET stage = %s WHERE id = %s", stage, rig.step("waiting").pk)
    assert rig.step("waiting").stage == stage


@pytest.mark.parametrize(
    ("change", "waits_for"),
    [
        ("status = 'available', waits_for = 'breaker'", "breaker"),
        ("status = 'available', waits_for = 'godot'", ""),
        ("status = 'cancelled', finished_at = now(), waits_for = 'pool'", ""),
    ],
)
def test_rows_from_before_the_check_pass_it_and_the_way_back(rig: Rig, change: str, waits_for: str) -> None:
    _know_waits(is_back=True)
    _execute(f"UPDATE orchestration_step SET {change} WHERE id = %s", rig.step("waiting").pk)
    _know_waits()
    assert rig.step("waiting").waits_for == waits_for
    _execute("UPDATE orchestration_step SET dispatches = 1 WHERE id = %s", rig.step("waiting").pk)
    _know_waits(is_back=True)
    assert (rig.step("waiting").waits_for, rig.step("waiting").dispatches) == (waits_for, 1)


def _know_waits(*, is_back: bool = False) -> None:
    """Run that migration's own statements: those after it stay as they are."""
    migration = import_module("orchestration.migrations.0021_known_waits").Migration
    statements = [one for one in migration.operations if isinstance(one, RunSQL)]
    with connection.cursor() as cursor:
        for one in reversed(statements) if is_back else statements:
            cursor.execute(str(one.reverse_sql if is_back else one.sql) or "SELECT 1")


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_final_step_is_finished(rig: Rig, status: StepStatus) -> None:
    with pytest.raises(IntegrityError, match="step_final_is_finished"):
        _execute("UPDATE orchestration_step SET status = %s WHERE id = %s", status, rig.step("waiting").pk)


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("orchestration_run", "status = 'asleep', finished_at = now()", "run_status_known"),
        ("orchestration_run", "status = 'succeeded'", "run_final_is_finished"),
        ("orchestration_run", "finished_at = now()", "run_final_is_finished"),
        ("orchestration_attempt", "outcome = 'failed'", "attempt_ended_has_outcome"),
        (
            "orchestration_attempt",
            "number = 0, finished_at = now()",
            "attempt_ended_has_outcome|attempt_number",
        ),
        ("orchestration_edge", "predecessor_id = successor_id", "edge_joins_two"),
    ],
)
def test_a_row_that_can_not_be_is_refused(rig: Rig, table: str, change: str, constraint: str) -> None:
    condition = "id = %s" if table == "orchestration_run" else "run_id = %s"
    if table == "orchestration_attempt":
        condition += " AND outcome IS NULL"
    with pytest.raises(IntegrityError, match=constraint):
        _execute(f"UPDATE {table} SET {change} WHERE {condition}", rig.run_id)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("event", "kind = 'forged'"),
        ("receipt", "body_json = '{}'"),
        ("seal", "root = ''"),
        ("workflow", "spec_json = '{}'"),
        ("workflow", "sla = 'internal'"),
        ("decision", "rule = 'forged'"),
        ("attempt", "agent = 'another'"),
    ],
)
def test_what_is_written_once_is_never_changed(table: str, change: str) -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.work_through("a")
    with pytest.raises(IntegrityError, match=f"orchestration_{table} rows are kept as they were written"):
        _execute(f"UPDATE orchestration_{table} SET {change}")
    assert rig.fault() is None
    assert (Event.objects.count(), Receipt.objects.count(), Seal.objects.count()) == (4, 1, 1)
