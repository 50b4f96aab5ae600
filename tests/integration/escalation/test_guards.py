"""What the database itself refuses, whoever writes."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, models, transaction
from django.db.models import F

from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Breach, ClockTimestamp, Ticket
from orchestration.domain.states import ResolutionKind

pytestmark = pytest.mark.django_db
NOW = ClockTimestamp()


def _refuses(ticket: Ticket, words: str, **changes: Any) -> None:
    with pytest.raises(DatabaseError, match=words), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(**changes)


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("ticket_status_known", {"status": "lost"}),
        ("ticket_resolved_is_decided", {"status": "resolved"}),
        ("ticket_resolved_is_decided", {"status": "resolved", "resolution": "skip", "resolved_at": NOW}),
        ("ticket_resolved_is_decided", {"resolution": "skip"}),
        ("ticket_resolved_is_decided", {"note": "early"}),
        ("ticket_withdrawn_is_dated", {"status": "withdrawn"}),
        ("ticket_withdrawn_is_dated", {"withdrawn_reason": "early"}),
    ],
)
def test_half_a_change_of_state_is_refused(ticket: Ticket, constraint: str, changes: dict[str, Any]) -> None:
    _refuses(ticket, constraint, **changes)


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("ticket_resolution_known", {"resolution": "shrug"}),
        ("ticket_output_is_approved", {"resolution": "approve"}),
        ("ticket_output_is_approved", {"resolution": "skip", "resolution_output_json": "1"}),
        ("ticket_sent_back_has_feedback", {"resolution": "send_back"}),
    ],
)
def test_half_a_decision_is_refused(
    ticket: Ticket, anna: User, constraint: str, changes: dict[str, Any]
) -> None:
    _refuses(ticket, constraint, status="resolved", resolved_by=anna, resolved_at=NOW, **changes)


def test_a_claim_without_a_lease_is_refused(ticket: Ticket, anna: User) -> None:
    _refuses(ticket, "ticket_claim_is_leased", claimed_by=anna)


@pytest.mark.parametrize(
    "changes",
    [
        {"seen_json": '"something else"'},
        {"seen_digest": "0" * 64},
        {"has_proposal": False},
        {"subject": "task"},
        {"confidence": 0.99},
        {"confidence": None},
        {"reason": "all is well"},
        {"requesters": [7]},
        {"due_at": F("due_at") + timedelta(hours=1)},
    ],
)
def test_what_is_judged_never_changes(ticket: Ticket, changes: dict[str, Any]) -> None:
    _refuses(ticket, "never changes", **changes)


def test_a_closed_ticket_never_changes(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)

    _refuses(ticket, "never changes again", note="in hindsight")
    _refuses(
        ticket, "never changes again", status="open", resolution=None, resolved_by=None, resolved_at=None
    )


def test_a_digest_of_something_else_is_refused(ticket: Ticket) -> None:
    ticket.pk, ticket.seen_digest, ticket.step_id = None, "0" * 64, ticket.step_id + 1

    with pytest.raises(DatabaseError, match="ticket_digest_is_of_seen"), transaction.atomic():
        ticket.save()


def test_a_breach_before_its_time_is_refused(ticket: Ticket) -> None:
    with pytest.raises(DatabaseError, match="breach_found_after_due"), transaction.atomic():
        Breach.objects.create(
            ticket=ticket, deadline="resolution", due_at=ticket.due_at, found_at=ticket.opened_at
        )


def test_who_decided_stays_known(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)

    with pytest.raises(models.ProtectedError):
        anna.delete()


def test_deleting_an_account_frees_its_claim(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, anna)

    anna.delete()

    assert claim_ticket(ticket.pk, ben).claim_number == 2
