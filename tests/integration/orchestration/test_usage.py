"""What an agent says that it used is a row of numbers, written with the end of its attempt or not at all."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from agents import Result, Task
from agents.domain.invocation import Answered
from orchestration import Retry, StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.states import STEP_EDGES, AttemptOutcome, DecisionKind, StepStatus
from orchestration.domain.work import AttemptEnd
from orchestration.errors import ClaimLost
from orchestration.history import EventKind
from orchestration.models import Attempt, Usage
from orchestration.testing import run_workflow
from orchestration.transitions import finish
from orchestration.transitions.ending import EFFECTS, Ending, describe_end
from orchestration.usage import Used
from orchestration.usage.sums import sum_used
from tests.integration.orchestration.rig import Rig, answer, graph

pytestmark = pytest.mark.django_db

_USED: dict[str, Any] = {"input_tokens": 2**53 - 1, "output_tokens": 0, "cost_usd": "123456789.000000000012"}


def _answer_with_usage(**used: Any) -> Answered:
    return replace(answer({"n": 1}), usage=used)


def test_the_row_has_the_very_numbers_and_belongs_to_its_attempt() -> None:
    rig = Rig.begin(graph({"a": ()}))
    claim = rig.take("a")

    rig.conclude(claim, _answer_with_usage(**_USED))

    usage = Usage.objects.get()
    assert (usage.attempt_id, usage.step_id, usage.run_id) == (claim.attempt_id, claim.step_id, rig.run_id)
    assert (usage.input_tokens, usage.output_tokens) == (2**53 - 1, 0)
    assert usage.cost_usd == Decimal("123456789.000000000012")
    assert usage.at == usage.attempt.finished_at
    assert usage.used.line == _USED


def test_who_says_nothing_has_no_row_and_ends_by_the_plain_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "_FINISH_WITH_EFFECTS", None)
    rig = Rig.begin(graph({"a": ()}))
    rig.work_through("a")
    assert rig.run.status == "succeeded"
    assert not Usage.objects.exists()


def test_an_effect_takes_part_in_its_ending_only() -> None:
    rig = Rig.begin(graph({"a": ()}))
    old = rig.take("a")
    rig.free(old)
    rig.take("a")
    with pytest.raises(ClaimLost):
        rig.conclude(old, _answer_with_usage(**_USED))
    assert not Usage.objects.exists()


@pytest.mark.parametrize(
    ("spec", "confidence", "ended_as"),
    [
        ({}, None, "answered"),
        ({"min_confidence": 0.9}, 0.2, "answered"),
        ({"verify": Verify("test.judge", max_revisions=1)}, None, "answered"),
    ],
)
def test_whatever_becomes_of_an_answer_its_usage_is_kept(
    spec: dict[str, Any], confidence: float | None, ended_as: str
) -> None:
    said: list[str] = []

    def judge(_task: Task) -> Any:
        said.append("")
        return Result({"passed": len(said) > 1, "reasons": ["again"]}, usage={"input_tokens": 1})

    def write(_task: Task) -> Result:
        return Result({"n": 1}, confidence=confidence, usage={"input_tokens": 10, "cost_usd": "0.10"})

    workflow = WorkflowSpec(
        name="spends", steps=(StepSpec("write", agent="test.writer", retry=Retry(max_attempts=1), **spec),)
    )
    done = run_workflow(workflow, {}, agents={"test.writer": write, "test.judge": judge})

    tries = 2 if "verify" in spec else 1
    rows = Usage.objects.filter(step__key="write", run=done.run)
    assert rows.count() == tries
    assert {row.attempt.outcome for row in rows} <= {ended_as, "expanded"}
    total = sum_used([done.run.pk])
    assert total.input_tokens == 10 * tries + len(said)
    assert total.cost_usd == Decimal("0.10") * tries
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    "answer_with",
    [
        {"output": object()},
        {"output": {"n": 1}, "spawn": [{"key": "no agent"}]},
    ],
    ids=["no JSON", "a spawn that is none"],
)
def test_an_answer_that_can_not_be_kept_was_paid_for_all_the_same(answer_with: dict[str, Any]) -> None:
    def write(_task: Task) -> Result:
        return Result(**answer_with, usage={"input_tokens": 10, "cost_usd": "0.10"})

    workflow = WorkflowSpec(name="unkept", steps=(StepSpec("write", agent="test.writer"),))
    done = run_workflow(workflow, {}, agents={"test.writer": write})

    assert (done.held, Attempt.objects.get().failure_kind) == (["write"], "unreadable")
    assert sum_used([done.run.pk]) == Used(10, None, Decimal("0.10"))


def test_in_a_group_each_step_gets_its_own() -> None:
    rigs = [Rig.begin(graph({"a": ()})) for _ in range(2)]
    claims = [rig.take("a") for rig in rigs]
    lines: list[str] = []

    def keep(line: list[str], **_more: Any) -> finish.Written:
        lines.extend(line)
        return {claim.token: [_Row()] for claim in claims}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finish, "write_finishes", keep)
        rigs[0].conclude(claims[0], _answer_with_usage(input_tokens=5))
        rigs[1].conclude(claims[1], answer({"n": 2}))

    written = finish.write_finishes(lines, has_effects=True)

    assert set(written) == {claim.token for claim in claims}
    assert [(row.attempt_id, row.input_tokens) for row in Usage.objects.all()] == [(claims[0].attempt_id, 5)]


class _Row:
    """What a finishing statement returns of a step with nothing behind it."""

    id = None
    look_behind = False


@pytest.mark.parametrize(
    ("effects", "why"),
    [
        ({"spent": [{"input_tokens": 1}]}, "no effect is named 'spent'"),
        ({"usage": [{"tokens": 1}]}, "the effect 'usage' has no column tokens"),
    ],
)
def test_a_line_that_no_statement_writes_is_refused_and_not_lost(effects: dict[str, Any], why: str) -> None:
    rig = Rig.begin(graph({"a": ()}))
    claim = rig.take("a")
    end = AttemptEnd(claim.now(), AttemptOutcome.ANSWERED, DecisionKind.ACCEPT, "none", "{}", effects=effects)
    with pytest.raises(ValueError, match=why):
        describe_end(claim, end)


def test_what_was_used_stays() -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.conclude(rig.take("a"), _answer_with_usage(input_tokens=5))
    for change in ("UPDATE orchestration_usage SET input_tokens = 1", "DELETE FROM orchestration_usage"):
        with pytest.raises(DatabaseError, match="usage"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
    assert Usage.objects.get().input_tokens == 5


def test_what_was_text_before_is_moved_with_its_proof_or_not_at_all() -> None:
    rigs = {
        cost: Rig.begin(graph({"a": ()}))
        for cost in ("7.500", "0", "0.000000000001", "999999999.999999999999")
    }
    for cost, rig in rigs.items():
        rig.conclude(rig.take("a"), _answer_with_usage(cost_usd=cost, output_tokens=0))
        rig.release("a")
    connection.check_constraints()  # a table whose rows are still to be looked at is not altered
    loader = MigrationExecutor(connection).loader
    numbers = loader.get_migration("orchestration", "0022_usage_as_numbers")

    def run(migrate: Callable[[ProjectState, BaseDatabaseSchemaEditor], object]) -> None:
        """Carry out that migration alone, as the tables of later ones do not depend on its own."""
        with connection.schema_editor() as editor:
            migrate(loader.project_state([("orchestration", "0021_known_waits")]), editor)

    run(numbers.unapply)
    point = transaction.savepoint()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orchestration_attempt DISABLE TRIGGER attempt_ends_once")
        cursor.execute("""UPDATE orchestration_attempt SET usage_json = '{"cost_usd":"007.50"}'""")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE orchestration_attempt ENABLE TRIGGER attempt_ends_once")
    with pytest.raises(DatabaseError, match=r'cost "007.50".* start with a new database'):
        run(numbers.apply)
    transaction.savepoint_rollback(point)
    run(numbers.apply)

    for cost, rig in rigs.items():
        moved = Usage.objects.get(attempt__step__run=rig.run_id)
        assert moved.used.line == {"cost_usd": cost, "output_tokens": 0}
        assert rig.fault() is None


def test_no_ending_leads_where_no_edge_does() -> None:
    with pytest.raises(ValueError, match="no edge leads from held"):
        Ending(StepStatus.HELD, (StepStatus.RUNNING,), EventKind.STEP_RESOLVED, sets="reason = ''")
    assert (StepStatus.HELD, StepStatus.RUNNING) not in STEP_EDGES


def test_every_ending_but_the_plain_finish_has_all_effects() -> None:
    assert EFFECTS
    for effect in EFFECTS:
        assert effect.statement in finish._FINISH_WITH_EFFECTS.statement
        assert effect.statement not in finish._FINISH.statement
