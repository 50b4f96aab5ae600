"""What the tickets of a restricted queue ask about shows on no page of a run, and in no answer of the API."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation.desk import go_on, hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db

SECRET = "on its way"
ALONE = WorkflowSpec(name="alone", steps=(StepSpec("draft", agent="test.writer"),))


@pytest.fixture
def ticket() -> Ticket:
    (held,) = hold(ALONE)
    ReviewQueue.objects.filter(pk=held.queue_id).update(is_restricted=True)
    return held


def _texts(person: User, ticket: Ticket) -> dict[str, str]:
    client = Client()
    client.force_login(person)
    run = f"/admin/orchestration/run/{ticket.run_id}"
    addresses = {
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
    }
    answers: dict[str, Any] = {name: client.get(address) for name, address in addresses.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    return {name: answer.content.decode() for name, answer in answers.items()}


@pytest.mark.parametrize("is_decided", [False, True])
@pytest.mark.parametrize("role", ["viewer", "operator", "reviewer", "admin"])
def test_members_of_the_project_are_shown_nothing_of_it(
    role: str, ticket: Ticket, *, is_decided: bool
) -> None:
    if is_decided:
        judge = give_role(User.objects.create_user("judge"), ticket.queue, "reviewer")
        claim_ticket(ticket.pk, judge)
        resolve_ticket(ticket.pk, judge, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)
        go_on(ticket)
    texts = _texts(make_member("mia", role), ticket)
    assert [name for name, text in texts.items() if SECRET in text] == []
    assert "Not shown: this step went to a review queue that is restricted" in texts["step"]
    step = json.loads(texts["api step"])
    assert (step["proposed"], step["output"], step["hidden"]) == (
        None,
        None,
        "its review queue is restricted",
    )
    run = json.loads(texts["api run"])
    assert (run["outputs"], run["hidden"]) == ({}, ["draft"] if is_decided else [])


def test_a_role_at_the_queue_shows_it(ticket: Ticket) -> None:
    texts = _texts(give_role(make_member("mia", "viewer"), ticket.queue, "viewer"), ticket)
    assert SECRET in texts["step"]
    step = json.loads(texts["api step"])
    assert (SECRET in step["proposed"]["body"], step["hidden"]) == (True, None)


def test_superusers_are_shown_nothing_of_it_either(ticket: Ticket) -> None:
    assert SECRET not in _texts(User.objects.create_superuser("root"), ticket)["step"]


def test_other_queues_hide_nothing(ticket: Ticket) -> None:
    ReviewQueue.objects.update(is_restricted=False)
    assert SECRET in _texts(make_member("mia", "viewer"), ticket)["step"]
