"""What actors elsewhere stumble over: floods after a downtime, poisoned mailboxes, order after retries, late timers."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents import Task, TransientError
from agents.errors import AskCycle
from agents.invoke import override
from orchestration import Retry, StepSpec, WorkflowSpec, actors, runs
from orchestration.actors import routing, turns
from orchestration.maintenance import mail
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Delivery, Message, Run
from orchestration.testing import drive, drive_all, run_workflow
from tests.integration.orchestration.actors.conftest import Behave

pytestmark = pytest.mark.django_db
AT_ONCE = Retry(backoff_base_seconds=0, jitter_seconds=0)


@pytest.fixture
def started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The maintainer begins at the beginning, and has no patience for what others may be about to do."""
    monkeypatch.setattr(mail, "_seen", {"idle": 0})
    monkeypatch.setattr(mail, "_PATIENCE_SECONDS", 0.0)


def test_reminders_that_fall_due_together_come_one_turn_at_a_time(behave: Behave) -> None:
    seen: list[Any] = []

    def turn(task: Task) -> int:
        [said] = task.messages
        if said.body == "go":
            for number in range(30):
                task.remind(f"r{number}", number, in_seconds=0)
        else:
            assert Run.objects.filter(actor__isnull=False, status="running").count() == 1
            seen.append(said.body["body"])
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    drive_all(agents=fakes)
    assert seen == list(range(30))


@pytest.mark.usefixtures("started_anew")
def test_a_backlog_of_one_sender_is_routed_bit_by_bit_and_keeps_nobody_waiting(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("support.case", lambda _: 1)
    monkeypatch.setattr(routing, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(routing, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(mail, "for_a_while", lambda items: items)
    many = [actors.send("support.case/1", number, through="noisy") for number in range(6)]
    quiet = actors.send("support.case/2", "one", through="quiet")
    assert mail.route_left() == 3
    quiet.refresh_from_db()
    assert quiet.routed_at is not None
    unrouted = Message.objects.filter(routed_at=None).order_by("pk")
    assert list(unrouted.values_list("pk", flat=True)) == [each.pk for each in many[2:]]
    assert [mail.route_left(), mail.route_left(), mail.route_left()] == [2, 2, 0]
    bodies = (
        Delivery.objects.filter(actor__key="1").order_by("pk").values_list("message__body_json", flat=True)
    )
    assert list(bodies) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.usefixtures("started_anew")
def test_actors_that_never_begin_a_turn_hide_no_others_from_the_maintainer(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("support.case", lambda _: 1)
    start = turns.start_turn

    def start_or_fail(actor_id: int) -> Any:
        if Actor.objects.get(pk=actor_id).key.startswith("poisoned"):
            raise ValueError("nobody can read its spec")
        return start(actor_id)

    monkeypatch.setattr(turns, "start_turn", start_or_fail)
    monkeypatch.setattr(mail, "LIMIT", 2)
    for key in ("poisoned-1", "poisoned-2", "poisoned-3", "whole"):
        actors.send(f"support.case/{key}", 1, through=key)
    monkeypatch.setattr(routing, "start_turns", lambda _: 0)
    for row in Message.objects.values("project_id", "sender"):
        routing.route(row["project_id"], row["sender"])
    assert [mail.start_left(), mail.start_left()] == [0, 1]
    assert Run.objects.get().actor == Actor.objects.get(key="whole")
    assert mail.start_left() == 0  # from the beginning again


def test_a_message_that_is_tried_again_lets_no_other_overtake_it(behave: Behave) -> None:
    seen: list[Any] = []

    def turn(task: Task) -> int:
        [said] = task.messages
        seen.append((said.body, task.attempt))
        if said.body == 0 and task.attempt < 3:
            raise TransientError("not yet")
        return 1

    fakes = behave("support.case", turn, step={"retry": AT_ONCE})
    for number in range(3):
        actors.send("support.case/1", number)
    drive_all(agents=fakes)
    assert seen == [(0, 1), (0, 2), (0, 3), (1, 1), (2, 1)]


def test_a_message_that_no_turn_takes_is_buried_and_the_next_is_read(behave: Behave) -> None:
    schema = {
        "type": "object",
        "properties": {"messages": {"type": "array", "items": {"properties": {"body": {"type": "integer"}}}}},
    }
    fakes = behave("support.case", lambda task: task.messages[0].body, input_schema=schema)
    for body in ("poison", 5):
        actors.send("support.case/1", body)
    done = drive_all(agents=fakes)
    assert [turn.outputs for turn in done] == [{"turn": 5}]
    [dead] = actors.dead_letters()
    assert dead.reason.startswith("its behaviour 'support-case' does not take it: input")


def test_a_message_larger_than_an_input_may_be_is_buried_with_the_reason(
    behave: Behave, settings: Any
) -> None:
    fakes = behave("support.case", lambda task: len(task.messages), mailbox=20)
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_INPUT_BYTES": 5_000}
    for body in ("a" * 10_000, "b", "c" * 2_000, "d" * 2_000):
        actors.send("support.case/1", body)
    done = drive_all(agents=fakes)
    assert [turn.outputs["turn"] for turn in done] == [1, 1, 1]
    [dead] = actors.dead_letters()
    assert "does not take it: input" in dead.reason


@pytest.mark.parametrize("character", ["\\", '"', "\u0001", "é", "\U0001f600"])
def test_a_full_batch_fits_the_input_of_its_turn_whatever_it_is_made_of(
    behave: Behave, settings: Any, character: str
) -> None:
    fakes = behave("support.case", lambda task: len(task.messages), mailbox=20)
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_INPUT_BYTES": 40_000}
    for _ in range(20):
        actors.send("support.case/" + "k" * 200, character * 500)
    done = drive_all(agents=fakes)
    assert not actors.dead_letters().exists()
    assert sum(turn.outputs["turn"] for turn in done) == 20


def test_a_reminder_of_who_was_stopped_since_starts_nothing(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.executor.mailing.route_of_run", lambda _: None)

    def turn(task: Task) -> int:
        if task.messages[0].kind == "direct":
            task.remind("later", in_seconds=0)
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    deliver_all()
    [run] = Run.objects.all()
    drive(run.pk, agents=fakes)
    actors.stop("support.case/1", "enough")
    assert drive_all(agents=fakes) == []
    assert [dead.reason for dead in actors.dead_letters()] == ["it is stopped"]
    actors.restart("support.case/1")
    assert drive_all(agents=fakes) == []


def test_a_reminder_of_one_name_and_time_comes_once_however_often_it_is_asked_for(behave: Behave) -> None:
    at = timezone.now() + timedelta(hours=1)

    def turn(task: Task) -> int:
        task.remind("pay", at=at)
        task.remind("pay", at=at)
        return 1

    fakes = behave("support.case", turn)
    for number in range(3):
        actors.send("support.case/1", number)
    drive_all(agents=fakes)
    assert Message.objects.filter(kind="timer").count() == 1


def test_who_asks_itself_is_refused_at_once(behave: Behave) -> None:
    said: list[str] = []

    def turn(task: Task) -> int:
        try:
            task.ask(str(task.address), "me", timeout_seconds=60)
        except AskCycle as refused:
            said.append(str(refused))
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    [done] = drive_all(agents=fakes)
    assert done.status == "succeeded"
    assert len(said) == 1
    assert "waits for this turn" in said[0]


def test_a_run_below_a_turn_that_asks_its_actor_is_refused_at_once(behave: Behave) -> None:
    def ask(task: Task) -> str:
        try:
            task.ask("support.case/1", "above me", timeout_seconds=60)
        except AskCycle as refused:
            return str(refused)
        return "asked"

    agents = {"below.ask": ask}
    with override(agents):
        runs.publish(WorkflowSpec(name="below", steps=(StepSpec("ask", agent="below.ask"),)))
        runs.publish(
            WorkflowSpec(name="case", actor="support.case", steps=(StepSpec("child", workflow="below"),))
        )
    actors.send("support.case/1", "go")
    drive_all(agents=agents)
    turn = Run.objects.get(actor__isnull=False)
    assert turn.status == "succeeded"
    assert "waits for this turn" in str(turn.steps.get().output)


def test_a_turn_that_dies_again_and_again_waits_for_a_person(behave: Behave) -> None:
    def turn(_: Task) -> int:
        raise SystemExit(1)

    fakes = behave("support.case", turn, step={"retry": AT_ONCE})
    for number in range(2):
        actors.send("support.case/1", number)
    [held] = drive_all(agents=fakes)
    assert held.held == ["turn"]
    assert Run.objects.filter(actor__isnull=False).count() == 1
    assert Delivery.objects.filter(state="queued").count() == 1


def test_a_subscriber_that_fails_is_told_and_keeps_no_other_from_hearing(behave: Behave) -> None:
    def fail(_: Task) -> int:
        raise PermissionError("no")

    fakes = behave("bad.one", fail, step={"on_failure": "abort"}) | behave("good.one", lambda _: 1)
    actors.define_topic("news")
    actors.subscribe("news", "bad.one", key="a")
    actors.subscribe("news", "good.one", key="a")
    actors.publish("news", 1)
    assert {turn.run.actor.name: turn.status for turn in drive_all(agents=fakes) if turn.run.actor} == {
        "bad.one": "failed",
        "good.one": "succeeded",
    }
    [dead] = actors.dead_letters()
    assert "PermissionError" in dead.reason


def test_a_workflow_asks_an_actor_that_is_stopped_while_it_waits(behave: Behave) -> None:
    def ask(task: Task) -> Any:
        return task.ask("support.case/1", 1, timeout_seconds=60)

    fakes = behave("support.case", lambda task: task.wait_for("go")) | {"asker": ask}
    done = run_workflow(WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),)), agents=fakes)
    drive_all(agents=fakes)
    actors.stop("support.case/1", "enough")
    turn = Run.objects.get(actor__isnull=False)
    runs.signal(turn.pk, "go", "answer")
    drive_all(agents=fakes)
    assert Run.objects.get(pk=done.run.pk).steps.get().output == "answer"
