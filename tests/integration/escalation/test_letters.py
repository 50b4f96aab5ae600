"""What a ticket says of messages that its answer would send, and who may read them elsewhere."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import Result, Task
from agents.invoke import override
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.models import Call, Message, Run
from orchestration.testing import drive_all
from tests.integration.escalation.restricted import WITH_ROLE, approve, make_mia, read, restrict
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db
SECRET = "she moves to Oslo"


def _answer(task: Task) -> Result:
    body = task.messages[0].body
    if body == "go":
        task.send("support.case/other", {"text": SECRET, "password": "hunter2hunter2"})
        return Result({"sure": False}, confidence=0.1)
    if body == "ask":
        return Result(
            {"got": task.ask("support.case/expert", "what?", timeout_seconds=60) != ""}, confidence=1.0
        )
    if body == "what?":
        return Result({"text": SECRET}, confidence=0.1)
    return Result({"sure": True}, confidence=1.0)


FAKES: Any = {"support.case": _answer}


@pytest.fixture(autouse=True)
def _behaviour() -> None:
    steps = (StepSpec("turn", agent="support.case", min_confidence=0.9),)
    with override(FAKES):
        runs.publish(WorkflowSpec(name="support-case", actor="support.case", steps=steps))


def _hold(body: str) -> Ticket:
    actors.send("support.case/one", body)
    drive_all(agents=FAKES)
    return Ticket.objects.get()


def _page(ticket: Ticket) -> str:
    return f"/admin/escalation/ticket/{ticket.pk}/change/"


def test_a_ticket_says_what_approving_sends() -> None:
    ticket = _hold("go")
    anna = make_member("anna", "reviewer")
    page = read(anna, _page(ticket))
    assert "Approving sends 1 message" in page
    assert "giving another output sends nothing" in page
    assert "to support.case/other" in page
    assert SECRET in page
    assert "hunter2" not in page
    approve(ticket)
    assert "Approving sends" not in read(anna, _page(ticket))
    assert Message.objects.filter(to_key="other").count() == 1


@WITH_ROLE
def test_messages_of_a_restricted_answer_are_hidden_wherever_they_show(*, has_role: bool) -> None:
    ticket = restrict(_hold("go"))
    mia = make_mia(ticket, has_role=has_role)
    held = f"/admin/orchestration/run/{ticket.run_id}/steps/turn/"
    assert (SECRET in read(mia, held)) == has_role
    approve(ticket)
    drive_all(agents=FAKES)
    told = Message.objects.get(to_key="other")
    turn = Run.objects.get(actor__key="other")
    for address in (
        f"/admin/orchestration/message/{told.pk}/change/",
        f"/admin/orchestration/actor/{turn.actor_id}/change/",
        f"/admin/orchestration/run/{turn.pk}/change/?show=mail",
        f"/admin/orchestration/run/{turn.pk}/change/?show=data",
        f"/admin/orchestration/run/{ticket.run_id}/change/?show=mail",
        f"/admin/orchestration/run/{ticket.run_id}/steps/turn/",
    ):
        page = read(mia, address)
        assert (SECRET in page) == has_role, address
    assert SECRET not in read(mia, "/admin/orchestration/message/")


@WITH_ROLE
def test_the_answer_of_a_restricted_turn_is_hidden_from_who_looks_at_the_asker(*, has_role: bool) -> None:
    ticket = restrict(_hold("ask"))
    approve(ticket)
    drive_all(agents=FAKES)
    mia: User = make_mia(ticket, has_role=has_role)
    asked = Call.objects.get(kind="message")
    assert SECRET in str(asked.response_json)
    reply = Message.objects.get(kind="reply")
    for address in (
        f"/admin/orchestration/run/{asked.run_id}/steps/turn/",
        f"/admin/orchestration/run/{asked.run_id}/change/?show=calls",
        f"/admin/orchestration/message/{reply.pk}/change/",
    ):
        assert (SECRET in read(mia, address)) == has_role, address


def test_who_has_a_role_there_reads_it() -> None:
    ticket = restrict(_hold("go"))
    lead = give_role(make_member("lea", "viewer"), ticket.queue, "lead")
    assert "Approving sends 1 message" in read(lead, _page(ticket))
