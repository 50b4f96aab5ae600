"""A review queue in which several people decide, and how they do it in tests."""

from typing import Any

from django.contrib.auth.models import User

from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import ReviewQueue, Ticket
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation.desk import hold

APPROVE, EDIT, SKIP = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SKIP
SEND_BACK, ABORT = ResolutionKind.SEND_BACK, ResolutionKind.ABORT


def ask_several(seats: int = 3, needed: int = 2) -> None:
    """Let so many people decide the tickets that open from now on."""
    ReviewQueue.objects.update(seats=seats, votes_needed=needed)


def hold_for_several(seats: int = 3, needed: int = 2, **more: Any) -> Ticket:
    """Open a ticket that several people decide; the people have to be there already."""
    ask_several(seats, needed)
    return hold(**more)[0]


def vote(ticket: Ticket, person: User, kind: ResolutionKind = APPROVE, **given: Any) -> Ticket:
    """Take a seat and vote."""
    seated = claim_ticket(ticket.pk, person)
    return resolve_ticket(
        ticket.pk,
        person,
        kind,
        claim_number=seated.claim_number,
        seen_digest=seated.seen_digest,
        **given,
    )
