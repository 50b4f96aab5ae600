"""One reviewer's lease on a ticket: claim, release, and the draft typed under it."""

from contextlib import suppress
from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Coalesce

from escalation.audit import record
from escalation.conf import get_conf
from escalation.domain.acts import Act
from escalation.domain.draft import Draft
from escalation.domain.resolution import check_text
from escalation.errors import (
    AlreadyVoted,
    LeadNeeded,
    NoTicketFree,
    ResolutionStale,
    SeatsTaken,
    TicketAssigned,
    TicketNotClaimed,
    TicketResolved,
    TicketTaken,
    TicketWithdrawn,
)
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import catch_up
from escalation.escrow.room import find_capacity, require_offered, require_room
from escalation.escrow.rows import lock_ticket, require_active, require_no_requester, require_waiting
from escalation.escrow.seats import leave_seat, take_seat
from escalation.escrow.snoozing import bring_back
from escalation.models import Seat, Ticket
from escalation.selectors import list_offered_tickets
from escalation.selectors.seats import sit
from orchestration.selectors.scope import Caller

_TRIED_TOGETHER: Final = 20
_MOST_LOOKS: Final = 5
_GONE: Final = (
    TicketAssigned,
    TicketTaken,
    SeatsTaken,
    AlreadyVoted,
    LeadNeeded,
    TicketResolved,
    TicketWithdrawn,
)


def claim_ticket(ticket_id: int, user: AbstractBaseUser) -> Ticket:
    """Give the ticket to this person for the length of a lease.

    Claiming one's own live claim renews it under the same number; a claim that ran out is free for anybody.
    However many people ask at once, one wins. What was assigned to somebody is theirs to claim first. Where several
    people decide, each claims a seat: see `seats.py`.

    Returns: the ticket as claimed, with the seat as its claim where it is one.

    Raises:
        TicketTaken: somebody else holds a live claim.
        TicketAssigned, TagsMissing: it is for somebody else, for a while or at all.
        CapacityReached: they hold as many as they are to hold at once.
        SeatsTaken, AlreadyVoted, LeadNeeded: several people decide, or could not.
        TicketResolved, TicketWithdrawn: nothing is left to decide.
        OwnRequest: they asked for the run.
        TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    with transaction.atomic():
        capacity = find_capacity(user)
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        require_no_requester(ticket, user)
        catch_up(ticket, now)
        sit(ticket, user.pk)
        require_offered(ticket, user, now)
        require_room(ticket, user, capacity, now)
        is_renewal = ticket.is_claimed_by(user.pk, now)
        if ticket.has_quorum:
            take_seat(ticket, user, now)
        elif not _take(ticket, user, now):
            holder, until = ticket.claimed_by, ticket.claim_expires_at
            raise TicketTaken(ticket_id, holder.get_username() if holder else "nobody", until or now)
        ticket.refresh_from_db()
        sit(ticket, user.pk)
        if ticket.snoozed_until is not None:
            bring_back(ticket, now, user)
        record_missed([ticket], now)
        if not is_renewal:
            record(
                Act.CLAIMED, user, ticket=ticket, digest=ticket.seen_digest, claim_number=ticket.claim_number
            )
    return ticket


def _take(ticket: Ticket, user: AbstractBaseUser, now: datetime) -> int:
    live_and_own = Q(claimed_by=user.pk, claim_expires_at__gt=now)
    free = Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=now)
    return Ticket.objects.filter(free | live_and_own, pk=ticket.pk, status="open").update(
        claim_number=Case(When(live_and_own, then=F("claim_number")), default=F("claim_number") + 1),
        claimed_by=user.pk,
        claimed_at=now,
        assigned_to=None,
        claim_expires_at=now + get_conf().claim_lease,
        touched_at=Coalesce("touched_at", now),
        next_look_at=now,
    )


def claim_next_ticket(user: AbstractBaseUser, caller: Caller) -> Ticket:
    """Claim the first ticket that the caller is offered.

    Args: caller: the person, and what they may decide.
    Returns: the ticket as claimed.

    Raises:
        NoTicketFree: none is left.
        CapacityReached: they hold as many as they are to hold at once.
        ReviewerInactive: named in the message.
    """
    offered = list_offered_tickets(caller).values_list("pk", flat=True)
    for _ in range(_MOST_LOOKS):
        for ticket_id in list(offered[:_TRIED_TOGETHER]):
            # Somebody was quicker, and the ticket is no longer among those that are offered.
            with suppress(*_GONE):
                return claim_ticket(ticket_id, user)
    raise NoTicketFree


def release_ticket(ticket_id: int, user: AbstractBaseUser, note: str = "") -> Ticket:
    """Give the person's claim back; the draft stays for whoever claims next. They are offered it after all others.

    Where its queue assigns tickets, somebody else is assigned it.

    Args: note: for colleagues, kept in the audit.

    Raises:
        TicketNotClaimed: this person holds no claim on it.
        ResolutionInvalid: the note is too long.
        TicketResolved, TicketWithdrawn, TicketNotFound: named in the message.
    """
    check_text("note", note)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        if ticket.has_quorum:
            leave_seat(ticket, user)
        elif not _release(ticket, user, now):
            raise TicketNotClaimed(ticket_id)
        ticket.refresh_from_db()
        record(Act.RELEASED, user, ticket=ticket, note=note)
    return ticket


def _release(ticket: Ticket, user: AbstractBaseUser, now: datetime) -> int:
    return Ticket.objects.filter(pk=ticket.pk, claimed_by=user.pk).update(
        claimed_by=None,
        claim_expires_at=None,
        released_by=user.pk,
        assigned_to=None,
        assigned_until=None,
        # A queue that closes what is overdue waited for the end of this claim.
        next_look_at=now,
    )


def save_draft(ticket_id: int, user: AbstractBaseUser, draft: Draft, *, claim_number: int) -> None:
    """Keep what the person has typed.

    A claim that ran out still saves, as long as nobody has claimed the ticket since: its number says so.

    Raises:
        ResolutionStale: the ticket was claimed again since, or closed; nothing was saved.
        ResolutionInvalid: a text is too long.
    """
    check_text("draft", draft.feedback + draft.note)
    claim = Ticket.objects.filter(pk=ticket_id, status="open", claimed_by=user.pk, claim_number=claim_number)
    seat = Seat.objects.filter(
        ticket=ticket_id, ticket__status="open", person=user.pk, claim_number=claim_number, has_voted=False
    )
    with transaction.atomic():
        # Told once for each draft that is begun, not with each word that is typed.
        if _keep(claim, draft, is_new=True) or _keep(seat, draft, is_new=True):
            ticket = Ticket.objects.only("queue").get(pk=ticket_id)
            record(Act.EDITED, user, ticket=ticket, claim_number=claim_number)
        saved = _keep(claim, draft) or _keep(seat, draft)
    if not saved:
        raise ResolutionStale(
            f"Ticket {ticket_id} is no longer under your claim {claim_number}; the draft was not saved. "
            "Copy your text and open the ticket again."
        )


def _keep(rows: QuerySet[Ticket] | QuerySet[Seat], draft: Draft, *, is_new: bool = False) -> int:
    """Write a draft under somebody's claim on a ticket, or under their seat there."""
    begun = rows.filter(draft_json__isnull=True) if is_new else rows
    return begun.update(draft_json=draft.to_json())
