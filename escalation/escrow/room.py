"""Whether somebody may take one more ticket: the rules of its queue, and how much they are to hold at once."""

from datetime import datetime
from typing import Final, cast

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import connection

from escalation.domain.desk_rights import DeskRight
from escalation.domain.states import TicketStatus
from escalation.errors import CapacityReached, LeadNeeded, TagsMissing, TicketAssigned
from escalation.models import ReviewerProfile, ReviewQueue, Ticket
from escalation.selectors.people import list_tags
from escalation.selectors.scope import find_queues
from escalation.selectors.seats import list_live_seats
from orchestration.selectors.scope import call_as

_LOCK_CLASS: Final = 1_381_060_946


def find_capacity(user: AbstractBaseUser) -> int | None:
    """Return how many tickets somebody may hold at once, and keep their other claims waiting; None: any number.

    Call it before the ticket's row is locked. The lock is theirs alone and ends with the transaction: two claims of one
    person count one after the other, claims of different people don't meet.
    """
    rows = ReviewerProfile.objects.filter(user=user.pk)
    if rows.values_list("capacity", flat=True).first() is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (_LOCK_CLASS, user.pk % 2**31))
    return rows.values_list("capacity", flat=True).first()


def require_room(ticket: Ticket, user: AbstractBaseUser, capacity: int | None, now: datetime) -> None:
    """Refuse one ticket more than somebody is to hold. Their own live claim is none more.

    Raises: CapacityReached.
    """
    if capacity is None or ticket.is_claimed_by(user.pk, now):
        return
    held = Ticket.objects.filter(
        claimed_by=user.pk, claim_expires_at__gt=now, status=TicketStatus.OPEN, decided_at=None
    )
    if held.count() + list_live_seats([user.pk]).count() >= capacity:
        raise CapacityReached(capacity)


def require_offered(ticket: Ticket, user: AbstractBaseUser, now: datetime) -> None:
    """Refuse what is first for somebody else, or for people who know their way about in something, or for leads.

    Raises: TicketAssigned, TagsMissing, LeadNeeded.
    """
    if ticket.is_claimed(now):
        return  # whose it is decides, and says so
    require_lead(ticket, user)
    if ticket.is_assigned_to_another(user.pk, now) and ticket.assigned_to and ticket.assigned_until:
        raise TicketAssigned(ticket.pk, ticket.assigned_to.get_username(), ticket.assigned_until)
    require_tags(ticket, user)


def require_lead(ticket: Ticket, user: AbstractBaseUser) -> None:
    """Refuse somebody who does not lead the queue of a ticket that several people could not decide.

    Raises: LeadNeeded.
    """
    if (
        ticket.needs_lead
        and not find_queues(call_as(cast("User", user)), DeskRight.LEAD).filter(pk=ticket.queue_id).exists()
    ):
        raise LeadNeeded(ticket.pk)


def require_tags(ticket: Ticket, user: AbstractBaseUser) -> None:
    """Refuse somebody who lacks a tag of the ticket, where its queue asks for all.

    Raises: TagsMissing.
    """
    if not ticket.tags or not ReviewQueue.objects.filter(pk=ticket.queue_id, needs_all_tags=True).exists():
        return
    missing = sorted(set(ticket.tags) - set(list_tags(user.pk)))
    if missing:
        raise TagsMissing(ticket.pk, user.get_username(), missing)
