"""What people order for an actor: stop, start again, park, send again."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from agents import Result, Task
from orchestration import actors, runs
from orchestration.actors.turns import start_turn
from orchestration.errors import DeliveryNotDead, NothingToPark, TurnNotLatest
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Delivery, Message, Run
from orchestration.testing import drive, drive_all
from tests.integration.orchestration.actors.conftest import Behave

pytestmark = pytest.mark.django_db


def _answer(task: Task) -> Result:
    return Result(task.messages[0].body, confidence=0.1 if task.messages[0].body == "unsure" else 1.0)


def test_who_is_stopped_gets_nothing_until_started_again(behave: Behave) -> None:
    fakes = behave("support.case", _answer)
    actors.send("support.case/1", "a")
    drive_all(agents=fakes)
    actors.stop("support.case/1", "enough")
    actors.send("support.case/1", "b")
    assert drive_all(agents=fakes) == []
    [dead] = actors.dead_letters()
    assert dead.reason == "it is stopped"
    actors.restart("support.case/1")
    assert drive_all(agents=fakes) == []
    actors.send_again(dead.pk)
    assert [turn.outputs for turn in drive_all(agents=fakes)] == [{"turn": "b"}]
    with pytest.raises(DeliveryNotDead, match="done"):
        actors.send_again(dead.pk)


def test_a_held_turn_keeps_its_mailbox_waiting(behave: Behave) -> None:
    fakes = behave("support.case", _answer, step={"min_confidence": 0.9})
    actors.send("support.case/1", "unsure")
    actors.send("support.case/1", "sure")
    [turn] = drive_all(agents=fakes)
    assert turn.held == ["turn"]
    assert Delivery.objects.filter(state="queued").count() == 1
    assert actors.park("support.case/1") == turn.run
    with pytest.raises(NothingToPark):
        actors.park("support.case/1")
    later = drive_all(agents=fakes)
    assert {each.status for each in later} == {"running", "succeeded"}


def test_a_behaviour_that_parks_goes_on_by_itself(behave: Behave) -> None:
    fakes = behave("support.case", _answer, step={"min_confidence": 0.9}, on_stuck="park")
    actors.send("support.case/1", "unsure")
    actors.send("support.case/1", "sure")
    drive_all(agents=fakes)
    assert Run.objects.filter(status="succeeded").count() == 1
    assert Run.objects.get(is_parked=True).status == "running"
    assert Delivery.objects.get(state="dead").reason == "its turn waits for a person, and was parked"


def test_what_a_parked_turn_has_is_not_sent_again_until_that_has_ended(behave: Behave) -> None:
    fakes = behave("support.case", _answer, step={"min_confidence": 0.9}, on_stuck="park")
    actors.send("support.case/1", "unsure")
    drive_all(agents=fakes)
    [dead] = actors.dead_letters()
    with pytest.raises(DeliveryNotDead, match="goes on; decide what that waits for"):
        actors.send_again(dead.pk)
    [parked] = Run.objects.all()
    runs.cancel(parked.pk, "not this way")
    with pytest.raises(DeliveryNotDead):
        actors.send_again(dead.pk)  # it has ended, and was not settled
    deliver_all()
    assert actors.send_again(dead.pk).state == "queued"
    with pytest.raises(TurnNotLatest, match="1 messages were sent again"):
        runs.retry(parked.pk)
    assert [turn.run.pk != parked.pk for turn in drive_all(agents=fakes)] == [True]


def test_what_is_sent_again_is_as_far_from_whoever_began_as_it_was(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.executor.sending.MOST_HOPS", 1)
    tries: list[str] = []

    def turn(task: Task) -> int:
        tries.append(str(task.key))
        if tries == ["near", "far"]:
            raise PermissionError("no")
        task.send("support.case/far", "go")
        return 1

    fakes = behave("support.case", turn, step={"on_failure": "abort"})
    actors.send("support.case/near", "begin")
    drive_all(agents=fakes)
    [dead] = actors.dead_letters()
    actors.send_again(dead.pk)
    [again] = drive_all(agents=fakes)
    assert again.status == "failed"
    assert "would be 2 turns away" in again.run.reason
    assert Message.objects.count() == 2


def test_a_turn_gets_as_many_messages_as_its_mailbox_says(behave: Behave) -> None:
    seen: list[list[Any]] = []

    def turn(task: Task) -> int:
        seen.append([mail.body for mail in task.messages])
        return len(seen)

    fakes = behave("support.case", turn, mailbox=3)
    for number in range(7):
        actors.send("support.case/1", number)
    drive_all(agents=fakes)
    assert seen == [[0, 1, 2], [3, 4, 5], [6]]
    assert Actor.objects.get().turns == 3


def test_the_database_keeps_one_live_turn(behave: Behave) -> None:
    behave("support.case", _answer)
    actors.send("support.case/1", "a")
    actors.send("support.case/1", "b")
    deliver_all()
    actor = Actor.objects.get()
    assert start_turn(actor.pk) is None
    first = Run.objects.get(actor=actor)
    second = Run(
        project=first.project,
        workflow=first.workflow,
        workflow_name="x",
        input_json="{}",
        input_digest="0" * 64,
        root_id=first.pk,
        actor=actor,
    )
    with pytest.raises(IntegrityError, match="run_one_live_turn"), transaction.atomic():
        second.save(force_insert=True)


def test_a_turn_is_done_anew_only_while_it_is_the_latest(behave: Behave) -> None:
    def turn(task: Task) -> str:
        if task.messages[0].body == "fail":
            raise PermissionError("no")
        return "done"

    fakes = behave("support.case", turn, step={"on_failure": "abort"})
    actors.send("support.case/1", "fail")
    [failed] = drive_all(agents=fakes)
    assert failed.status == "failed"
    runs.retry(failed.run.pk)
    [again] = drive_all(agents={"support.case": lambda _: "mended"})
    assert again.outputs == {"turn": "mended"}
    assert Delivery.objects.get().state == "done"
    actors.send("support.case/1", "fail")
    [second] = drive_all(agents=fakes)
    actors.send("support.case/1", "go")
    drive_all(agents=fakes)
    with pytest.raises(TurnNotLatest):
        runs.retry(second.run.pk)


def test_a_fork_of_a_turn_sends_nothing(behave: Behave) -> None:
    def turn(task: Task) -> int:
        if task.run_input["messages"][0]["body"] == "go":
            task.send("support.case/2", "stay")
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    drive_all(agents=fakes)
    assert Message.objects.count() == 2
    fork = runs.fork(Run.objects.get(actor__key="1").pk, "turn")
    assert drive(fork.pk, agents=fakes).status == "succeeded"
    assert fork.actor is None
    assert Message.objects.count() == 2


def test_a_reminder_comes_when_it_is_due(behave: Behave) -> None:
    def turn(task: Task) -> Any:
        if task.messages[0].body == "go":
            task.remind("follow-up", {"n": 1}, in_seconds=0)
            task.remind("later", in_seconds=3_600)
        return task.messages[0].body

    fakes = behave("support.case", turn)
    actors.send("support.case/1", "go")
    turns = drive_all(agents=fakes)
    assert [each.outputs["turn"] for each in turns] == ["go", {"reminder": "follow-up", "body": {"n": 1}}]
    assert Message.objects.filter(kind="timer", routed_at=None).count() == 1
