"""A review queue that is restricted, and somebody of its project who has a role there or none."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import ReviewQueue, Ticket
from orchestration.domain.states import ResolutionKind
from orchestration.testing import FinishedRun
from tests.integration.escalation.desk import go_on
from tests.people import give_role, make_member

SECRET = "on its way"
"""Of what every draft proposes."""

WITH_ROLE = pytest.mark.parametrize("has_role", [False, True])


def restrict(ticket: Ticket) -> Ticket:
    """Move a ticket to a queue that is restricted."""
    closed, _ = ReviewQueue.objects.get_or_create(
        project=ticket.queue.project, slug="closed", defaults={"name": "Closed", "is_restricted": True}
    )
    Ticket.objects.filter(pk=ticket.pk).update(queue=closed)
    ticket.refresh_from_db()
    return ticket


def approve(ticket: Ticket) -> FinishedRun:
    """Approve what it asks about, and let its run go on."""
    judge = give_role(User.objects.create_user(f"judge-{ticket.pk}"), ticket.queue, "reviewer")
    claim_ticket(ticket.pk, judge)
    resolve_ticket(ticket.pk, judge, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)
    return go_on(ticket)


def read(person: User, address: str, *, status: int = 200) -> str:
    """Return what somebody is answered."""
    client = Client()
    client.force_login(person)
    answer: Any = client.get(address)
    assert answer.status_code == status, address
    return str(answer.content.decode())


def make_mia(ticket: Ticket, *, has_role: bool) -> User:
    """Make an admin of the project, who may have a role at the ticket's queue, too."""
    mia = make_member("mia", "admin")
    return give_role(mia, ticket.queue, "viewer") if has_role else mia
