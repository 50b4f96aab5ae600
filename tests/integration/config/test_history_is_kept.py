"""History stays, whoever asks the database: nothing of it is deleted or truncated but by its owner's retention."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from agents import Result, Task
from agents.invoke import override
from agents.models import BreakerEvent
from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.notices import Happening
from escalation.escrow import pause_ticket, resume_ticket, save_calendar
from escalation.models import Alarm, Breach, BreachDeed, ClockWarning, Comment, Ticket, Vote
from escalation.notify import announce, plan_notices
from orchestration import Budget, StepSpec, WorkflowSpec, actors, memory, runs
from orchestration.models import Event, PastOutput, RunResult, Summary, VerifierTrial
from orchestration.testing import drive_all, run_workflow
from tests.people import make_member

pytestmark = pytest.mark.django_db

KEPT = (
    "agents_breakerevent",
    "escalation_alarm",
    "escalation_auditline",
    "escalation_breach",
    "escalation_breachdeed",
    "escalation_calendarversion",
    "escalation_clockwarning",
    "escalation_comment",
    "escalation_delivery",
    "escalation_delivery_notices",
    "escalation_notice",
    "escalation_pause",
    "escalation_replan",
    "escalation_ticket",
    "escalation_vote",
    "orchestration_actor",
    "orchestration_attempt",
    "orchestration_auditsample",
    "orchestration_call",
    "orchestration_calltry",
    "orchestration_decision",
    "orchestration_delivery",
    "orchestration_event",
    "orchestration_forgetting",
    "orchestration_handoff",
    "orchestration_memory",
    "orchestration_message",
    "orchestration_pastoutput",
    "orchestration_pendingeffects",
    "orchestration_pot",
    "orchestration_receipt",
    "orchestration_run",
    "orchestration_runresult",
    "orchestration_seal",
    "orchestration_signal",
    "orchestration_step",
    "orchestration_summary",
    "orchestration_topicschema",
    "orchestration_usage",
    "orchestration_verifiertrial",
    "orchestration_workflow",
)
# What comes and goes with the work, or is kept by people themselves.
CHANGING = {
    "escalation_agenthour",
    "escalation_dayfigure",
    "escalation_foldedhour",
    "escalation_forecast",
    "escalation_hourfigure",
    "agents_agentcalls",
    "agents_breaker",
    "agents_countedfailure",
    "agents_pool",
    "agents_poolslot",
    "escalation_breachaction",
    "escalation_calendar",
    "escalation_escalationlevel",
    "escalation_escalationlevel_groups",
    "escalation_queuerole",
    "escalation_pendingresolution",
    "escalation_presence",
    "escalation_assignmentturn",
    "escalation_reasoncode",
    "escalation_reviewerprofile",
    "escalation_channelstate",
    "escalation_preference",
    "escalation_queuechannel",
    "escalation_reviewqueue",
    "escalation_routingrule",
    "escalation_savedview",
    "escalation_seat",
    "escalation_slatarget",
    "escalation_snoozereason",
    "escalation_ticketwords",
    "escalation_wordsplace",
    "orchestration_agentcontext",
    "orchestration_apitoken",
    "orchestration_edge",
    "orchestration_lead",
    "orchestration_membership",
    "orchestration_memorydraft",
    "orchestration_project",
    "orchestration_subscription",
    "orchestration_throttle",
    "orchestration_topic",
    "orchestration_workerprocess",
}
_WORDS_OF_SUMMARY = (
    "original_digest", "pins_digest", "summariser", "tokenizer", "text", "digest", "summarised_by", "loss_json",
)  # fmt: skip
SPEC = WorkflowSpec(
    name="kept",
    steps=(
        StepSpec("first", agent="kept.first", audit_rate=1.0),
        StepSpec("second", agent="kept.second", needs=("first",)),
        StepSpec("held", agent="human", after=("second",)),
    ),
)


@pytest.fixture
def rows() -> None:
    """At least one row in each table of the history."""
    agents = {
        "kept.first": lambda _: Result(1, usage={"input_tokens": 1}),
        "kept.second": lambda task: task.once("two", lambda: 2),
    }
    done = run_workflow(SPEC, agents=agents, budget=Budget(calls=5))
    run_workflow(WorkflowSpec(name="short", steps=(StepSpec("one", agent="kept.first"),)), agents=agents)
    runs.signal(done.run.pk, "payment", 5)
    memory.remember("project", "kept", 1)
    memory.forget(key="kept", reason="a test")
    ticket = Ticket.objects.get(run=done.run)
    _send_mail()
    Breach.objects.create(
        ticket=ticket, deadline="resolution", due_at=ticket.opened_at, found_at=timezone.now()
    )
    record(Act.CLAIMED, None, ticket=ticket)
    Comment.objects.create(ticket=ticket, author_id=1, author_name="anna", text="x")
    Vote.objects.create(
        ticket=ticket, seat=1, person=make_member("vera", "reviewer"), claim_number=1, kind="abort"
    )
    _use_clocks(ticket)
    announce(Happening.BREACHED, key="breach", ticket=ticket, channels=["ops"])
    plan_notices()
    BreakerEvent.objects.create(agent="a", from_state="closed", to_state="open", at=timezone.now(), why="x")
    VerifierTrial.objects.create(agent="a", case_digest="0" * 64, expected="PASS", said="PASS")
    step = done.steps["first"]
    PastOutput.objects.create(
        step=step,
        run=done.run,
        round=1,
        revision=0,
        status="succeeded",
        output_json="1",
        output_digest="0" * 64,
        receipt_digest="0" * 64,
        finished_at=timezone.now(),
        superseded_at=timezone.now(),
    )
    Summary.objects.create(
        project=done.run.project, allowance_tokens=100, tokens=1, **dict.fromkeys(_WORDS_OF_SUMMARY, "x")
    )
    RunResult.objects.create(run=done.run, kind="computed", error="no such key", at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # else TRUNCATE fails for what waits in the transaction


def _send_mail() -> None:
    """Leave messages, a delivery, a topic's schema, and an answer that somebody must accept before it sends."""
    unsure: dict[str, Callable[[Task], Any]] = {"kept.actor": _send_unsurely}
    with override(unsure):
        turn = StepSpec("turn", agent="kept.actor", min_confidence=0.9)
        runs.publish(WorkflowSpec(name="kept-actor", actor="kept.actor", steps=(turn,)))
    actors.define_topic("kept.topic")
    actors.send("kept.actor/1", {})
    drive_all(agents=unsure)


def _send_unsurely(task: Task) -> Result:
    task.publish("kept.topic", {})
    return Result(1, confidence=0.1)


def _use_clocks(ticket: Ticket) -> None:
    person, now = make_member("clock", "admin"), timezone.now()
    save_calendar(ticket.queue.project, "Office", "UTC", {"mon": ["09:00-17:00"]}, [], user=person)
    pause_ticket(ticket.pk, person, "waits")
    resume_ticket(ticket.pk, person)
    ClockWarning.objects.create(
        ticket=ticket, deadline="resolution", percent=50, reached_at=now, found_at=now
    )
    Alarm.objects.create(ticket=ticket, level=1, kind="due", reached_at=now, found_at=now)
    BreachDeed.objects.create(ticket=ticket, deadline="resolution", step="tell", outcome="told")


def test_every_table_is_of_one_kind_or_the_other() -> None:
    ours = {
        model._meta.db_table
        for label in ("agents", "orchestration", "escalation")
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._meta.managed  # a view has no rows of its own
    }
    assert ours == {*KEPT, *CHANGING}


@pytest.mark.parametrize("table", KEPT)
def test_history_is_not_deleted(rows: None, table: str) -> None:
    before = _count(table)
    assert before > 0
    with _refused(table, "DELETE"):
        _execute(f"DELETE FROM {table}")
    assert _count(table) == before


@pytest.mark.parametrize("table", KEPT)
def test_history_is_not_truncated(rows: None, table: str) -> None:
    before = _count(table)
    with _refused("[a-z_]+", "TRUNCATE"):
        _execute(f"TRUNCATE {table} CASCADE")
    assert _count(table) == before


@pytest.mark.parametrize("table", ["orchestration_event", "orchestration_receipt"])
def test_its_owner_deletes_by_a_retention_rule(rows: None, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ringmaster.retention = 'on'")
        cursor.execute(f"DELETE FROM {table}")
    assert _count(table) == 0


def test_the_setting_alone_lets_nobody_else_delete(rows: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE ringmaster_stranger")
        cursor.execute("GRANT SELECT, DELETE ON orchestration_event TO ringmaster_stranger")
        cursor.execute("SET LOCAL ringmaster.retention = 'on'")
        cursor.execute("SET LOCAL ROLE ringmaster_stranger")
    try:
        with _refused("orchestration_event", "DELETE"):
            _execute("DELETE FROM orchestration_event")
    finally:
        connection.cursor().execute("RESET ROLE")


def test_retention_changes_nothing_that_is_written_once(rows: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ringmaster.retention = 'on'")
    with _refused("orchestration_event", "UPDATE"):
        Event.objects.update(kind="forged")


def test_an_empty_table_may_be_truncated() -> None:
    assert _count("agents_breakerevent") == 0
    _execute("TRUNCATE agents_breakerevent")


@contextmanager
def _refused(table: str, change: str) -> Iterator[None]:
    with (
        pytest.raises(IntegrityError, match=f"{table} rows are kept as they were written: {change} refused"),
        transaction.atomic(),
    ):
        yield


def _execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])
