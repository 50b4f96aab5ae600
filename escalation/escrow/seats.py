"""The seats of a ticket that several people decide, each on their own: taken, kept, given back, ended.

A seat is a claim like a ticket's own, in a row of its own; who writes one holds the ticket's lock. One who looks sees
their seat in the place of the ticket's claim (`selectors/seats.py`). Read next: `votes.py`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from escalation.audit import record
from escalation.conf import get_conf
from escalation.domain.acts import Act
from escalation.domain.states import TicketStatus
from escalation.errors import AlreadyVoted, SeatsTaken, TicketNotClaimed, TicketTaken
from escalation.escrow.rows import lock_ticket
from escalation.models import Seat, Ticket
from escalation.selectors.seats import is_taken

A_REVIEWER: Final = "a reviewer"
"""Who holds a seat is told to nobody."""


def take_seat(ticket: Ticket, user: AbstractBaseUser, now: datetime) -> None:
    """Give somebody a seat of a locked ticket that shows their own, for the length of a lease.

    Their live seat is renewed under its number; one that ran out is taken again, with its draft, if nobody took it.
    The first seat is the ticket's first look.

    Raises: AlreadyVoted: they have.  SeatsTaken: none is free.
    """
    seat: Seat | None = ticket.own_seat
    until = now + get_conf().claim_lease
    if seat is not None and seat.has_voted:
        raise AlreadyVoted(ticket.pk)
    if seat is not None and ticket.is_claimed_by(user.pk, now):
        Seat.objects.filter(pk=seat.pk).update(claim_expires_at=until)
        return
    place = seat or _find_place(ticket, now)
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        claim_number=F("claim_number") + 1, touched_at=Coalesce("touched_at", now), next_look_at=now
    )
    ticket.refresh_from_db()
    claim: dict[str, Any] = {
        "claim_number": ticket.claim_number,
        "claimed_at": now,
        "claim_expires_at": until,
    }
    if isinstance(place, int):
        Seat.objects.create(ticket=ticket, number=place, person_id=user.pk, **claim)
    elif place.person_id == user.pk:
        Seat.objects.filter(pk=place.pk).update(**claim)
    else:
        # What somebody else typed there is theirs.
        Seat.objects.filter(pk=place.pk).update(person=user.pk, draft_json=None, **claim)


def _find_place(ticket: Ticket, now: datetime) -> Seat | int:
    """Return a seat that was given back or ran out, or the number of one that nobody has had."""
    rows = list(Seat.objects.filter(ticket=ticket.pk).order_by("number"))
    numbers = {row.number for row in rows}
    for number in range(1, ticket.seats + 1):
        if number not in numbers:
            return number
    free = [
        row for row in rows if not row.has_voted and not (row.claim_expires_at and row.claim_expires_at > now)
    ]
    if free:
        return free[0]
    raise SeatsTaken(ticket.pk, ticket.seats)


def keep_seat(ticket: Ticket, begun_at: datetime, until: datetime) -> None:
    """Set the lease of the seat that a locked ticket shows."""
    Seat.objects.filter(pk=ticket.own_seat.pk).update(claimed_at=begun_at, claim_expires_at=until)


def leave_seat(ticket: Ticket, user: AbstractBaseUser) -> None:
    """Give somebody's seat of a locked ticket back; their draft stays, for them alone.

    Raises: TicketNotClaimed: they hold none.
    """
    own = Seat.objects.filter(ticket=ticket.pk, person=user.pk, claim_expires_at__isnull=False)
    left = own.update(claim_expires_at=None)
    if not left:
        raise TicketNotClaimed(ticket.pk)
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(released_by=user.pk)


def free_seat(seat: Seat, why: str) -> None:
    """Take a seat from somebody who can't vote any more; the caller is the maintainer."""
    with transaction.atomic():
        ticket, _ = lock_ticket(seat.ticket_id)
        held = Seat.objects.filter(pk=seat.pk, person=seat.person_id, claim_expires_at__isnull=False)
        freed = held.update(claim_expires_at=None)
        if freed:
            record(Act.RELEASED, None, ticket=ticket, before=seat.person.get_username(), why=why)


def end_seats(tickets: Collection[Ticket]) -> None:
    """End all seats of these locked tickets; nothing is asked where one person decides. Votes stay."""
    shared = [ticket.pk for ticket in tickets if ticket.seats > 1]
    if shared:
        Seat.objects.filter(ticket__in=shared).delete()


def end_open_seats(ticket: Ticket) -> None:
    """End the seats of a locked ticket at which nobody has voted: it goes to other people."""
    if ticket.has_quorum:
        Seat.objects.filter(ticket=ticket.pk, has_voted=False).delete()


def require_seats_unheld(ticket: Ticket, now: datetime) -> None:
    """Refuse a rule while somebody holds a seat of a locked ticket.

    Raises: TicketTaken.
    """
    if not ticket.has_quorum:
        return
    held = (
        Seat.objects.filter(is_taken(), ticket=ticket.pk, has_voted=False).order_by("claim_expires_at").last()
    )
    if held is not None:
        raise TicketTaken(ticket.pk, A_REVIEWER, held.claim_expires_at or now)
