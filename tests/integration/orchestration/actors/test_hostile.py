"""Hostile input at the doors of actors: refused with the field's name, or kept from holding up anybody else."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import pytest

from agents import Result, Task
from agents.errors import AskFailed
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.actors import routing
from orchestration.actors.routing import route
from orchestration.errors import (
    ActorNotFound,
    MailboxFull,
    MessageInvalid,
    OrchestrationError,
    ProjectNotFound,
)
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Delivery, Memory, Message, Project, Run, Subscription
from orchestration.testing import drive, drive_all, run_workflow
from tests.integration.orchestration.actors.conftest import Behave
from tests.people import make_member

pytestmark = pytest.mark.django_db

_DEEP: Any = None
for _ in range(5_000):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("act", "field"),
    [
        (lambda: actors.send("support.case/1", _DEEP), "body"),
        (lambda: actors.send("support.case/1", {"n": 10**400}), "body"),
        (lambda: actors.send("support.case/1", "\ud800"), "body"),
        (lambda: actors.send("support.case/1", {1: 2}), "body"),
        (lambda: actors.send("support.case/1", object()), "body"),
        (lambda: actors.send("support.case/1\u202e", 1), "to:"),
        (lambda: actors.send("support.case/ 1", 1), "to:"),
        (lambda: actors.send("user:anna/1", 1), "to:"),
        (lambda: actors.send("support.case/1", 1, idempotency_key="\x00"), "idempotency_key"),
        (lambda: actors.send("support.case/1", 1, idempotency_key=""), "idempotency_key"),
        (lambda: actors.send("support.case/1", 1, idempotency_key=5), "idempotency_key"),  # type: ignore[arg-type]
        (lambda: actors.send("support.case/1", 1, through="support.case/2"), "through"),
        (lambda: actors.send("support.case/1", 1, through="user:anna"), "through"),
        (lambda: actors.send("support.case/1", 1, through="\x00"), "through"),
        (lambda: actors.publish("\x00", 1), "topic"),
        (lambda: actors.publish("nobody.defined", 1), "topic"),
        (lambda: actors.define_topic("Case!"), "topic"),
        (lambda: actors.define_topic("case.updated", {"type": 5}), "schema"),
        (lambda: actors.define_topic("case.updated", 5), "schema"),  # type: ignore[arg-type]
        (lambda: actors.define_topic("case.updated", description="x" * 3_000), "description"),
        (lambda: actors.subscribe("\x00", "support.case", key="1"), "topic"),
        (lambda: actors.subscribe("heard", "\x00", key_from="'1'"), "name"),
        (lambda: actors.subscribe("heard", "support.case", key="a/b"), "to:"),
        (lambda: actors.subscribe("heard", "support.case", key_from="body.("), "key_from"),
        (lambda: actors.subscribe("heard", "support.case", key_from="'" + "x" * 9_000 + "'"), "key_from"),
        (lambda: actors.subscribe("heard", "support.case", key_from="'1'", where="body["), "where"),
        (lambda: actors.published(by="\x00"), "by"),
        (lambda: actors.published(topic="\ud800"), "topic"),
        (lambda: actors.published(since=cast("Any", "yesterday")), "since: give a time with its zone"),
        (lambda: actors.published(until=datetime(2026, 12, 1)), "until: give a time"),  # noqa: DTZ001 - refused
        (lambda: actors.dead_letters(address="\x00"), "to:"),
    ],
)
def test_each_door_names_the_field(behave: Behave, act: Callable[[], Any], field: str) -> None:
    behave("support.case", lambda _: 1)
    actors.define_topic("heard", description="holds \x00")
    with pytest.raises(MessageInvalid, match=field):
        act()
    assert Message.objects.count() == 0


@pytest.mark.parametrize("project", ["\x00", "\ud800", "nowhere", None, 5])
def test_a_project_that_is_none_is_not_found(project: Any) -> None:
    with pytest.raises(ProjectNotFound):
        actors.publish("case.updated", 1, project=project)


@pytest.mark.parametrize(
    ("key_from", "got"),
    [
        ('body.a + "\\u0000"', None),
        ('b"\\xff"', None),
        ("timestamp('2020-01-01T00:00:00Z')", None),
        ("[1, 2]", None),
        ("{'a': 1}", None),
        ("1.5", None),
        ("true", None),
        ("1.0 / 0.0", None),
        ("9223372036854775807", None),
        ("'\\u202eabc'", None),
        ("'a/b'", None),
        ("''", None),
        ("body.nothing.there", None),
        ("uint(5)", "5"),
    ],
)
def test_a_key_that_is_none_is_told_and_holds_up_nobody(
    behave: Behave, key_from: str, got: str | None
) -> None:
    behave("audit.case", lambda _: 1)
    actors.define_topic("case.updated")
    actors.subscribe("case.updated", "audit.case", key_from=key_from)
    actors.subscribe("case.updated", "audit.case", key_from="body.a")
    sent = actors.publish("case.updated", {"a": "good"})
    deliver_all()
    sent.refresh_from_db()
    assert sent.routed_at is not None
    assert bool(sent.refusal) is (got is None)
    keys = set(Delivery.objects.values_list("actor__key", flat=True))
    assert keys == {"good"} | ({got} if got else set())


def test_a_run_of_a_behaviour_that_is_no_turn_answers_nobody(behave: Behave) -> None:
    def turn(task: Task) -> Any:
        for mail in task.messages:
            task.reply(mail, "stolen")
        return len(task.messages)

    def ask(task: Task) -> Any:
        return task.ask("crm.expert/eu", 1, timeout_seconds=60)

    fakes = behave("crm.expert", turn) | {"asker": ask}
    run_workflow(WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),)), agents=fakes)
    asked = Message.objects.get(kind="ask")
    mail = {
        "id": asked.pk,
        "kind": "ask",
        "body": 1,
        "from": "x",
        "topic": None,
        "asks": True,
        "sent_at": "2020",
    }
    forged = run_workflow("crm-expert", {"address": "crm.expert/eu", "messages": [mail]}, agents=fakes)
    assert forged.outputs == {"turn": 0}
    assert not Message.objects.filter(kind="reply").exists()


def test_the_key_of_a_turn_is_nobody_elses(behave: Behave) -> None:
    fakes = behave("support.case", lambda _: 1)
    with pytest.raises(OrchestrationError, match="turn:"):
        runs.start("support-case", {"address": "x", "messages": []}, idempotency_key="turn:1.1")
    actors.send("support.case/1", 1)
    assert [turn.status for turn in drive_all(agents=fakes)] == ["succeeded"]


def test_an_account_named_like_an_actor_sends_as_an_account(behave: Behave) -> None:
    behave("support.case", lambda _: 1)
    person = make_member("support.case", "reviewer")
    sent = actors.send("support.case/1", 1, sender=person)
    assert sent.sender == "user:support.case"
    assert sent.sender_actor is None


def test_nobody_of_another_project_is_reached(behave: Behave) -> None:
    def turn(task: Task) -> Result:
        task.send("only.there/1", "hello")
        return Result(1)

    fakes = behave("support.case", turn)
    other = Project.objects.create(slug="other", name="Other")
    with override({"only.there": lambda _: 1}):
        step = StepSpec("turn", agent="only.there")
        runs.publish(WorkflowSpec(name="there", actor="only.there", steps=(step,)), project=other.slug)
    with pytest.raises(MessageInvalid, match="behaves"):
        actors.send("only.there/1", 1)
    with pytest.raises(ActorNotFound):
        actors.find_actor("only.there/1")
    actors.send("only.there/1", 1, project="other")
    actors.send("support.case/1", 1)
    drive_all(agents=fakes | {"only.there": lambda _: 1})
    held = Run.objects.get(actor__name="support.case").steps.get()
    assert "behaves as 'only.there'" in held.reason
    assert Message.objects.filter(to_name="only.there").count() == 1


def test_one_rule_that_always_fails_keeps_no_other_sender_waiting(behave: Behave) -> None:
    fakes = behave("audit.case", lambda _: 1)
    actors.define_topic("case.updated")
    actors.subscribe("case.updated", "audit.case", key_from="body.nothing.there")
    for number in range(3):
        actors.publish("case.updated", {"n": number}, through="noisy")
    actors.send("audit.case/1", 1, through="quiet")
    assert len(drive_all(agents=fakes)) == 1
    assert not Message.objects.filter(routed_at=None).exists()


def test_a_question_inside_a_call_that_is_made_once(behave: Behave) -> None:
    def ask(task: Task) -> Any:
        return task.once("outer", lambda: task.ask("crm.expert/a", 1, timeout_seconds=60))

    fakes = behave("crm.expert", lambda task: task.messages[0].body * 10) | {"asker": ask}
    done = run_workflow(WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),)), agents=fakes)
    drive_all(agents=fakes)
    said = drive(done.run.pk, agents=fakes)
    assert said.outputs == {"ask": 10} or said.held == ["ask"]
    assert Message.objects.filter(kind="ask").count() <= 1


def test_a_turn_that_is_cancelled_fails_its_question_and_the_next_begins(behave: Behave) -> None:
    def ask(task: Task) -> Any:
        try:
            return task.ask("crm.expert/eu", 1, timeout_seconds=60)
        except AskFailed as failed:
            return str(failed)

    fakes = behave("crm.expert", lambda task: task.wait_for("go")) | {"asker": ask}
    done = run_workflow(WorkflowSpec(name="asking", steps=(StepSpec("ask", agent="asker"),)), agents=fakes)
    actors.send("crm.expert/eu", "next")
    turn = next(each for each in drive_all(agents=fakes) if each.run.actor_id is not None)
    runs.cancel(turn.run.pk, "enough")
    drive_all(agents=fakes)
    assert "has cancelled" in drive(done.run.pk, agents=fakes).outputs["ask"]
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["dead", "taken"]


def test_a_turn_that_is_paused_keeps_its_mailbox_waiting(behave: Behave) -> None:
    fakes = behave("support.case", lambda task: task.wait_for("go"))
    actors.send("support.case/1", 1)
    [turn] = drive_all(agents=fakes)
    runs.pause(turn.run.pk, "look first")
    actors.send("support.case/1", 2)
    drive_all(agents=fakes)
    assert Run.objects.filter(actor__isnull=False).count() == 1
    runs.resume(turn.run.pk)
    runs.signal(turn.run.pk, "go", 5)
    drive_all(agents=fakes)
    assert Run.objects.filter(actor__isnull=False).count() == 2


def test_what_was_accepted_once_is_accepted_again_by_a_full_mailbox(behave: Behave, settings: Any) -> None:
    behave("support.case", lambda _: 1)
    settings.RINGMASTER = {**settings.RINGMASTER, "MAILBOX_LIMIT": 1}
    first = actors.send("support.case/1", "a", idempotency_key="k")
    deliver_all()  # its turn has it
    actors.send("support.case/1", "b")
    deliver_all()
    with pytest.raises(MailboxFull):
        actors.send("support.case/1", "c", idempotency_key="other")
    assert actors.send("support.case/1", "a", idempotency_key="k") == first


def test_a_topic_with_very_many_members_is_left_to_the_maintainer_one_message_at_a_time(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = int(os.environ.get("MAIL_MEMBERS", "6"))
    monkeypatch.setattr("orchestration.actors.routing.FAR_FANNED", min(members - 1, 10_000))
    monkeypatch.setattr("orchestration.actors.turns.start_turn", lambda _: None)
    behave("room.member", lambda _: 1)
    topic = actors.define_topic("room.talk")
    Subscription.objects.bulk_create(
        Subscription(topic=topic, name="room.member", key=str(number)) for number in range(members)
    )
    for number in range(2):
        actors.publish("room.talk", number, through="speaker")
    written: list[int] = []
    write = routing._write

    def count(batch: Any, *rest: Any) -> Any:
        written.append(len(batch))
        return write(batch, *rest)

    monkeypatch.setattr(routing, "_write", count)
    assert route(topic.project_id, "speaker") == 0
    assert route(topic.project_id, "speaker", is_patient=True) == 2
    assert written == [1, 1]
    assert Delivery.objects.count() == 2 * members


def test_a_state_outside_of_a_turn_is_refused_by_its_own_name() -> None:
    def keep(task: Task) -> None:
        task.state = 1

    spec = WorkflowSpec(name="stateless", steps=(StepSpec("keep", agent="hostile.stateless"),))
    done = run_workflow(spec, agents={"hostile.stateless": keep})
    assert done.held == ["keep"]
    assert "task.state: only a turn of an actor has one" in done.steps["keep"].reason
    assert not Memory.objects.exists()
