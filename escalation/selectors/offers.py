"""Which tickets somebody is offered next. Reads only."""

from datetime import datetime

from django.db.models import Case, Q, QuerySet, When

from escalation.conf import get_conf
from escalation.domain.desk_rights import DeskRight
from escalation.domain.states import TicketStatus
from escalation.models import ClockTimestamp, Ticket
from escalation.selectors.people import list_tags
from escalation.selectors.presence import find_present
from escalation.selectors.scope import find_queues, scope_tickets
from escalation.selectors.seats import has_place_for, list_live_seats
from escalation.selectors.tickets import list_open_tickets
from orchestration.selectors.scope import Caller


def is_offered(user_id: int | None) -> Q:
    """Return the condition that a ticket is for somebody, were it free: not first for another, and with their tags."""
    is_first_for_another = Q(assigned_until__gt=ClockTimestamp(), assigned_to__isnull=False) & ~Q(
        assigned_to=user_id
    )
    has_tags = Q(queue__needs_all_tags=False) | Q(tags__contained_by=list_tags(user_id))
    return ~is_first_for_another & has_tags


def first_for(user_id: int | None) -> Case:
    """Return a key that puts what somebody was assigned, and is still first for them, before all else."""
    return Case(When(assigned_to=user_id, assigned_until__gt=ClockTimestamp(), then=0), default=1)


def list_offered_tickets(caller: Caller) -> QuerySet[Ticket]:
    """Return the open tickets that nobody holds, in the order in which the caller is to take them.

    What they were assigned at the top, then what is due first, but last what they gave back themselves, and behind all
    of these what somebody else looks at now. None of a run that they requested: it waits for a colleague.
    """
    others_looks = find_present().exclude(person=caller.user_id).order_by().values("ticket")
    is_looked_at = Case(When(pk__in=others_looks, then=1), default=0)
    is_free = Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=ClockTimestamp(), decided_at=None)
    gave_back = Case(When(released_by=caller.user_id, then=1), default=0)
    theirs = scope_tickets(caller, DeskRight.DECIDE).filter(status=TicketStatus.OPEN)
    is_due_back = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=ClockTimestamp())
    leads = find_queues(caller, DeskRight.LEAD).order_by().values("pk")
    is_theirs = Q(needs_lead=False) | Q(queue__in=leads)
    free = theirs.filter(is_free & is_due_back & is_theirs & has_place_for(caller.user_id))
    free = free.filter(is_offered(caller.user_id))
    order = (is_looked_at, first_for(caller.user_id), gave_back, "due_at", "pk")
    return free.exclude(for_others(caller.user_id)).order_by(*order)


def for_others(user_id: int | None) -> Q:
    """Return the condition that somebody asked for the work themselves, so that only colleagues decide it."""
    if user_id is None or get_conf().OWN_DECISIONS:
        return Q(pk__in=())
    return Q(requesters__contains=[user_id])


def find_claimed_since(caller: Caller, since: datetime) -> Ticket | None:
    """Return the ticket that the caller has claimed, or renewed their claim on, since a moment, and still holds."""
    lease = get_conf().claim_lease
    seats = list_live_seats([caller.user_id])
    return (
        list_open_tickets()
        .filter(
            Q(claimed_by=caller.user_id, claim_expires_at__gt=since + lease, decided_at=None)
            | Q(pk__in=seats.filter(claim_expires_at__gt=since + lease).values("ticket"))
        )
        .first()
    )
