"""A decision between its making and its effect, where the review queue gives a grace period.

It was checked like any other and is kept as a row; the ticket stays open under who decided, nobody else can have it,
and its clocks count the time of deciding. Until the row is carried out it can be taken back. Whatever closes the
ticket first makes it void, and says so. Read next: `effect.py`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.conf import get_conf
from escalation.domain.acts import Act
from escalation.domain.clocks import PauseEnd
from escalation.domain.resolution import Choice
from escalation.domain.states import TicketStatus
from escalation.errors import NothingPending, NotYourDecision
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import resume_clocks
from escalation.escrow.kept import read_choice
from escalation.escrow.rows import (
    find_pending,
    lock_ticket,
    require_active,
    require_open,
    require_waiting,
)
from escalation.models import PendingResolution, Ticket

# Lists show a ticket as held until then, also when the maintainer is late. `Ticket.is_claimed` asks no clock at all.
_HELD_ON: Final = timedelta(days=1)


def hold_back(ticket: Ticket, user: AbstractBaseUser, choice: Choice, seconds: int, now: datetime) -> Ticket:
    """Keep a decision that was checked, for the grace period of the queue; the ticket is locked.

    Its clocks end here: what is due later is not missed by waiting for the effect.
    """
    if ticket.paused_at is not None:
        resume_clocks(ticket, now, PauseEnd.PERSON, user)
    record_missed([ticket], now)
    takes_effect_at = now + timedelta(seconds=seconds)
    PendingResolution.objects.create(
        ticket=ticket,
        kind=choice.kind,
        claim_number=ticket.claim_number,
        seen_digest=ticket.seen_digest,
        output_json=choice.output_json,
        feedback=choice.feedback,
        note=choice.note,
        agent=choice.agent,
        reason_code=choice.reason_code,
        scope=choice.scope or "",
        decided_by_id=user.pk,
        decided_at=now,
        takes_effect_at=takes_effect_at,
    )
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        decided_at=now, claim_expires_at=takes_effect_at + _HELD_ON, next_look_at=None
    )
    record(
        Act.DECIDED,
        user,
        ticket=ticket,
        digest=ticket.seen_digest,
        resolution=choice.kind,
        takes_effect_at=takes_effect_at,
    )
    ticket.refresh_from_db()
    return ticket


def answer_pending(ticket: Ticket, user: AbstractBaseUser, choice: Choice) -> Ticket:
    """Return the locked ticket if this very decision waits to take effect; refuse any other.

    Raises: DecisionPending.
    """
    pending = find_pending(ticket)
    if pending is not None and pending.decided_by_id == user.pk and read_choice(pending) == choice:
        return ticket
    require_waiting(ticket)
    raise AssertionError("a ticket that is decided is refused")


def take_back_resolution(ticket_id: int, user: AbstractBaseUser, *, as_lead: bool = False) -> Ticket:
    """Take back a decision that has not taken effect; the ticket is its holder's again, with their draft.

    Args: as_lead: the caller has checked that they lead the queue, so that it need not be their own decision.
    Returns: the ticket as it stands then.

    Raises:
        NothingPending: nothing waits to take effect: taken back already, or never decided.
        NotYourDecision: somebody else decided.
        TicketResolved: it took effect; the way back is rework or retry.
        TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_open(ticket)
        pending = find_pending(ticket)
        if pending is None:
            raise NothingPending(ticket_id)
        if pending.decided_by_id != user.pk and not as_lead:
            raise NotYourDecision(ticket_id, pending.decided_by.get_username())
        _drop(ticket, now)
        record(Act.TOOK_BACK, user, ticket=ticket, digest=pending.seen_digest, **_tell(pending))
    return ticket


def void_pending(ticket: Ticket, why: str, now: datetime) -> None:
    """Drop the decision of a locked ticket that can't take effect any more, and say so on the ticket and in the audit.

    Args: why: in words, e.g. `the run was cancelled`.
    """
    pending = find_pending(ticket)
    if pending is None:
        return
    said = f"The decision “{pending.kind}” of {pending.decided_by.get_username()} did not take effect: {why}."
    ticket.desk_note = f"{ticket.desk_note} {said}".strip()
    Ticket.objects.filter(pk=ticket.pk).update(desk_note=ticket.desk_note)
    _drop(ticket, now)
    record(Act.VOIDED, None, ticket=ticket, digest=pending.seen_digest, why=why, **_tell(pending))


def void_all(tickets: Iterable[Ticket], why: str, now: datetime) -> None:
    """Do so for each of these locked tickets that has one."""
    for ticket in tickets:
        if ticket.decided_at is not None:
            void_pending(ticket, why, now)


def _drop(ticket: Ticket, now: datetime) -> None:
    PendingResolution.objects.filter(ticket=ticket.pk).delete()
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        decided_at=None, claimed_at=now, claim_expires_at=now + get_conf().claim_lease, next_look_at=now
    )
    ticket.refresh_from_db()


def _tell(pending: PendingResolution) -> dict[str, Any]:
    return {
        "resolution": pending.kind,
        "decided_by": pending.decided_by.get_username(),
        "decided_at": pending.decided_at.isoformat(),
    }
