import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import override_settings

from escalation.escrow import DatabaseEscalator, claim_ticket, resolve_ticket
from escalation.models import Breach, ReviewQueue, Ticket, read_clock
from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import ResolutionKind
from orchestration.models import Project, Step
from orchestration.ports import Hold, TicketRef
from tests.integration.escalation.desk import LETTER, PROPOSAL, fail, go_on, hold
from tests.statements import record_statements

pytestmark = pytest.mark.django_db
urlpatterns: list[object] = []


def _hold_like(ticket: Ticket, **changes: object) -> Hold:
    facts: dict[str, object] = {
        "project_id": ticket.queue.project_id,
        "run_id": ticket.run_id,
        "step_id": ticket.step_id,
        "step_key": "draft",
        "workflow_name": "letter",
        "sla": "customer-facing",
        "agent": "test.writer",
        "attempt": 1,
        "subject": HoldSubject.OUTPUT,
        "rule": "low_confidence",
        "reason": "why not",
        "seen_json": "null",
        "has_proposal": False,
    }
    return Hold(**{**facts, **changes})  # type: ignore[arg-type]


def _other_step(ticket: Ticket) -> int:
    return Step.objects.get(run=ticket.run_id, key="send").pk


def test_an_unsure_agent_opens_a_ticket_with_what_is_judged() -> None:
    (ticket,) = hold()

    assert ticket.seen == PROPOSAL
    assert ticket.seen_digest == hashlib.sha256(ticket.seen_json.encode()).hexdigest()
    assert (ticket.has_proposal, ticket.confidence, ticket.attempt) == (True, 0.5, 1)
    assert (ticket.status, ticket.claim_number, ticket.claimed_by) == ("open", 0, None)
    assert "0.5" in ticket.reason
    assert ticket.queue.slug == "default"


def test_the_clocks_are_those_of_the_class() -> None:
    (ticket,) = hold()

    assert ticket.sla == "customer-facing"
    assert ticket.first_touch_due_at - ticket.opened_at == timedelta(seconds=60)
    assert ticket.due_at - ticket.opened_at == timedelta(seconds=300)


def test_a_failure_opens_a_ticket_without_a_proposal() -> None:
    (ticket,) = hold(writer=fail)

    assert (ticket.has_proposal, ticket.seen_json) == (False, "null")
    assert "no such order" in ticket.reason


def test_a_queue_named_like_the_class_gets_its_tickets() -> None:
    project, _ = Project.objects.get_or_create(slug="default")
    queue = ReviewQueue.objects.create(project=project, slug="customer-facing", name="Front desk")

    (ticket,) = hold(LETTER)

    assert ticket.queue == queue


def test_an_unknown_class_keeps_its_name_and_gets_the_internal_figures(ticket: Ticket) -> None:
    number = DatabaseEscalator().open_ticket(_hold_like(ticket, step_id=_other_step(ticket), sla="moon"))

    opened = Ticket.objects.get(pk=number)
    assert opened.sla == "moon"
    assert opened.due_at - opened.opened_at == timedelta(minutes=30)


def test_a_project_without_queues_gets_its_default_queue(ticket: Ticket) -> None:
    project = Project.objects.create(slug="new", name="New")

    hold_in_new = _hold_like(ticket, step_id=_other_step(ticket), project_id=project.pk)
    opened = Ticket.objects.get(pk=DatabaseEscalator().open_ticket(hold_in_new))

    assert (opened.queue.project, opened.queue.slug) == (project, "default")


def test_a_step_has_one_open_ticket(ticket: Ticket) -> None:
    with pytest.raises(IntegrityError, match="ticket_open_once"), transaction.atomic():
        DatabaseEscalator().open_ticket(_hold_like(ticket))

    assert Ticket.objects.count() == 1


def test_the_ticket_goes_with_the_transaction_that_holds_the_step(ticket: Ticket) -> None:
    with transaction.atomic():
        DatabaseEscalator().open_ticket(_hold_like(ticket, step_id=_other_step(ticket)))
        transaction.set_rollback(True)

    assert Ticket.objects.count() == 1


def test_withdrawing_closes_open_tickets_and_leaves_the_others(ticket: Ticket) -> None:
    (other,) = hold()

    DatabaseEscalator().withdraw_tickets([ticket.step_id], "the run was aborted")

    ticket.refresh_from_db()
    other.refresh_from_db()
    assert (ticket.status, ticket.withdrawn_reason) == ("withdrawn", "the run was aborted")
    assert ticket.withdrawn_at is not None
    assert abs(ticket.withdrawn_at - read_clock()) < timedelta(minutes=1)
    assert other.status == "open"
    assert Breach.objects.count() == 0


def test_withdrawing_twice_changes_nothing_more(ticket: Ticket) -> None:
    DatabaseEscalator().withdraw_tickets([ticket.step_id], "first")
    DatabaseEscalator().withdraw_tickets([ticket.step_id], "second")

    ticket.refresh_from_db()
    assert ticket.withdrawn_reason == "first"


def test_steps_are_told_their_newest_tickets(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    resolve_ticket(
        ticket.pk, anna, ResolutionKind.SEND_BACK, claim_number=1, seen_digest=None, feedback="be brief"
    )
    go_on(ticket)
    newest = Ticket.objects.get(run=ticket.run_id, status="open")
    other = Step.objects.get(run=ticket.run_id, key="facts")

    found = DatabaseEscalator().find_tickets([ticket.step_id, other.pk])

    url = f"/admin/escalation/ticket/{newest.pk}/change/"
    assert found == {ticket.step_id: TicketRef(newest.pk, is_open=True, url=url)}


def test_a_decided_ticket_is_told_as_closed(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)

    (found,) = DatabaseEscalator().find_tickets([ticket.step_id]).values()

    assert (found.number, found.is_open) == (ticket.pk, False)


def test_without_pages_a_ticket_has_no_address(ticket: Ticket) -> None:
    with override_settings(ROOT_URLCONF=__name__):
        (found,) = DatabaseEscalator().find_tickets([ticket.step_id]).values()

    assert found.url == ""


def test_many_steps_are_asked_for_at_once(ticket: Ticket) -> None:
    with record_statements() as sent:
        DatabaseEscalator().find_tickets([ticket.step_id, ticket.step_id + 1])

    assert len(sent) == 1
