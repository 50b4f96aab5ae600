"""What the tickets of a restricted queue ask about shows on no page of a run, and in no answer of the API."""

import html
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client

from agents import Result, Task
from agents.invoke import override
from escalation.audit import lines as audit_lines
from escalation.domain.acts import Act
from escalation.models import AuditLine, ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run, Step
from orchestration.selectors.withheld import RESTRICTED
from orchestration.testing import drive
from tests.integration.escalation.desk import AGENTS, LETTER, PROPOSAL, hold
from tests.integration.escalation.restricted import SECRET, WITH_ROLE, approve, make_mia, read, restrict
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db

ALONE = WorkflowSpec(name="alone", steps=(StepSpec("draft", agent="test.writer"),))
RELAY = WorkflowSpec(
    name="relay",
    steps=(
        StepSpec("draft", agent="test.writer"),
        StepSpec("check", agent="test.doubter", needs=("draft",)),
    ),
)
OUTER = WorkflowSpec(
    name="outer",
    steps=(
        StepSpec("draft", agent="test.writer"),
        StepSpec("ask", workflow="inner", needs=("draft",), input={"letter": "steps.draft.body"}),
    ),
)


def _write_by_a_call(task: Task) -> Result:
    return Result(task.once("write", lambda: PROPOSAL), confidence=0.5)


@pytest.fixture
def ticket() -> Ticket:
    (held,) = hold(ALONE, writer=_write_by_a_call)
    ReviewQueue.objects.filter(pk=held.queue_id).update(is_restricted=True)
    return held


def _addresses(ticket: Ticket) -> dict[str, str]:
    run = f"/admin/orchestration/run/{ticket.run_id}"
    return {
        "run": f"{run}/change/",
        "data": f"{run}/change/?show=data",
        "history": f"{run}/change/?show=history",
        "step": f"{run}/steps/draft/",
        "api run": f"/api/v1/runs/{ticket.run_id}",
        "api step": f"/api/v1/steps/{ticket.step_id}",
        "api plan": f"/api/v1/runs/{ticket.run_id}/plan",
        "api events": f"/api/v1/runs/{ticket.run_id}/events",
        "api attempts": f"/api/v1/runs/{ticket.run_id}/attempts",
        "api decisions": f"/api/v1/runs/{ticket.run_id}/decisions",
        "api handoffs": f"/api/v1/runs/{ticket.run_id}/handoffs",
        "api calls": f"/api/v1/runs/{ticket.run_id}/calls",
        "api call": f"/api/v1/calls/{ticket.step.calls.get().pk}",
    }


def _texts(person: User, ticket: Ticket) -> dict[str, str]:
    client = Client()
    client.force_login(person)
    answers: dict[str, Any] = {name: client.get(address) for name, address in _addresses(ticket).items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    return {name: answer.content.decode() for name, answer in answers.items()}


@pytest.mark.parametrize("is_decided", [False, True])
@pytest.mark.parametrize("role", ["viewer", "operator", "reviewer", "admin"])
def test_members_of_the_project_are_shown_nothing_of_it(
    role: str, ticket: Ticket, *, is_decided: bool
) -> None:
    if is_decided:
        approve(ticket)
    texts = _texts(make_member("mia", role), ticket)
    assert [name for name, text in texts.items() if SECRET in text] == []
    assert "Not shown: it went to a review queue that is restricted" in texts["step"]
    step = json.loads(texts["api step"])
    assert (step["proposed"], step["output"], step["hidden"]) == (None, None, RESTRICTED)
    call = json.loads(texts["api call"])
    assert (call["request"], call["response"], call["hidden"]) == (None, None, RESTRICTED)
    run = json.loads(texts["api run"])
    assert (run["outputs"], run["hidden"]) == ({}, ["draft"] if is_decided else [])


def test_a_role_at_the_queue_shows_it(ticket: Ticket) -> None:
    texts = _texts(give_role(make_member("mia", "viewer"), ticket.queue, "viewer"), ticket)
    assert SECRET in texts["step"]
    assert SECRET in json.loads(texts["api call"])["response"]
    step = json.loads(texts["api step"])
    assert (SECRET in step["proposed"]["body"], step["hidden"]) == (True, None)


def test_superusers_are_shown_nothing_of_it_either(ticket: Ticket) -> None:
    assert SECRET not in _texts(User.objects.create_superuser("root"), ticket)["step"]


@WITH_ROLE
def test_a_result_that_was_computed_from_it_is_hidden(*, has_role: bool) -> None:
    ticket = restrict(hold(replace(LETTER, output="steps.draft"))[0])
    approve(ticket)
    shown = json.loads(read(make_mia(ticket, has_role=has_role), f"/api/v1/runs/{ticket.run_id}"))
    assert (shown["result"] is not None, shown["hidden"]) == (has_role, [] if has_role else ["result"])
    # What a later step made of it is that step's.
    assert SECRET in json.dumps(shown["outputs"]["send"])


@WITH_ROLE
def test_a_ticket_of_another_queue_does_not_show_what_its_step_received_of_it(*, has_role: bool) -> None:
    (first,) = hold(RELAY)
    restrict(first)
    approve(first)
    second = Ticket.objects.get(run=first.run_id, status="open")
    page = read(make_mia(first, has_role=has_role), f"/admin/escalation/ticket/{second.pk}/change/")
    received = page.partition("What the step received")[2]
    assert (SECRET in received, "Not shown: it comes from a step" in received) == (has_role, not has_role)


@WITH_ROLE
def test_a_run_that_was_given_it_does_not_show_its_input(*, has_role: bool) -> None:
    with override(AGENTS), mute_dispatch():
        runs.publish(WorkflowSpec(name="inner", steps=(StepSpec("look", agent="test.doubter"),)))
    (first,) = hold(OUTER)
    restrict(first)
    approve(first)
    inner = Ticket.objects.get(run__root_id=first.run_id, run__depth=1)
    person = make_mia(first, has_role=has_role)
    ticket = f"/admin/escalation/ticket/{inner.pk}"
    addresses = {
        f"/api/v1/runs/{inner.run_id}": 200,
        f"/admin/orchestration/run/{inner.run_id}/change/?show=data": 200,
        f"/admin/orchestration/run/{inner.run_id}/order/fork/": 200,
        f"{ticket}/change/": 200,
        f"{ticket}/whole/input/": 200 if has_role else 404,
    }
    found = {name: SECRET in read(person, name, status=status) for name, status in addresses.items()}
    assert found == dict.fromkeys(addresses, has_role)
    rows = read(person, "/admin/escalation/ticket/?state=all")
    assert (SECRET in rows, "(not shown)" in rows) == (has_role, not has_role)


@WITH_ROLE
def test_the_step_that_waited_for_a_run_and_a_fork_hide_what_was_hidden_there(*, has_role: bool) -> None:
    with override(AGENTS), mute_dispatch():
        runs.publish(ALONE)
    assert hold(WorkflowSpec(name="above", steps=(StepSpec("kid", workflow="alone"),))) == []
    ticket = restrict(Ticket.objects.get())
    done = approve(ticket)
    above = Run.objects.get(pk=done.run.root_id)
    drive(above.pk, agents=AGENTS)
    with mute_dispatch():
        fork = runs.fork(_fork_source(ticket), "send")
    person = make_mia(ticket, has_role=has_role)
    kid, copied = Step.objects.get(run=above, key="kid"), Step.objects.get(run=fork, key="draft")
    found = [SECRET in read(person, f"/api/v1/steps/{step.pk}") for step in (kid, copied)]
    assert found == [has_role, has_role]


def _fork_source(ticket: Ticket) -> UUID:
    (draft,) = hold()
    Ticket.objects.filter(pk=draft.pk).update(queue=ticket.queue)
    draft.refresh_from_db()
    approve(draft)
    return draft.run_id


@pytest.mark.parametrize("name", ["step", "api step", "data", "api run"])
def test_whoever_is_shown_a_proposal_beside_its_ticket_is_written_down(name: str, ticket: Ticket) -> None:
    approve(ticket)
    ReviewQueue.objects.update(is_restricted=False)
    mia = make_member("mia", "viewer")
    for _ in range(2):
        assert SECRET in read(mia, _addresses(ticket)[name])
    seen = AuditLine.objects.filter(act=Act.SAW, actor=mia)
    assert list(seen.values_list("ticket", "digest")) == [(ticket.pk, ticket.seen_digest)]


@pytest.mark.parametrize("name", ["step", "api step", "data", "api run"])
def test_a_proposal_is_not_shown_when_that_can_t_be_written_down(
    name: str, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("read-only")

    approve(ticket)
    ReviewQueue.objects.update(is_restricted=False)
    monkeypatch.setattr(audit_lines, "_write", refuse)
    text = read(make_member("mia", "viewer"), _addresses(ticket)[name], status=503)
    assert (SECRET in text, "the audit can" in html.unescape(text)) == (False, True)


def test_what_was_ordered_is_answered_though_it_can_t_be_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("read-only")

    beside = StepSpec("beside", agent="test.doubter")
    ticket = hold(replace(ALONE, steps=(*ALONE.steps, beside)))[0]
    approve(ticket)
    monkeypatch.setattr(audit_lines, "_write", refuse)
    client = Client()
    client.force_login(make_member("mia", "admin"))
    answer: Any = client.post(f"/api/v1/runs/{ticket.run_id}/pause", {}, "application/json")
    assert (answer.status_code, answer.json()["outputs"], answer.json()["hidden"]) == (200, {}, ["draft"])


def test_other_queues_hide_nothing(ticket: Ticket) -> None:
    ReviewQueue.objects.update(is_restricted=False)
    assert SECRET in _texts(make_member("mia", "viewer"), ticket)["step"]
