"""Taking the ticket's row, and the tests every writer makes first."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from escalation.conf import get_conf
from escalation.domain.states import TicketStatus
from escalation.errors import (
    Changed,
    DecisionPending,
    OwnRequest,
    ReviewerInactive,
    TicketNotFound,
    TicketResolved,
    TicketWithdrawn,
)
from escalation.models import PendingResolution, Ticket, read_clock


def lock_ticket(ticket_id: int) -> tuple[Ticket, datetime]:
    """Lock the ticket's row and return it with PostgreSQL's time after the wait.

    A clock read before the wait would let a claim that ran out meanwhile still count.

    Raises: TicketNotFound: no such ticket.
    """
    try:
        # No joins: after the wait, PostgreSQL would join the new row with what it found for the old one.
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound(ticket_id) from None
    return ticket, read_clock()


def look_at(ticket_id: int) -> Ticket:
    """Return a ticket as it stands, unlocked, with its queue and who decided it.

    Raises: TicketNotFound: no such ticket.
    """
    try:
        return Ticket.objects.select_related("resolved_by", "queue").get(pk=ticket_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound(ticket_id) from None


def require_active(user: AbstractBaseUser) -> None:
    """Refuse an account that is switched off.

    Raises: ReviewerInactive: naming the account.
    """
    if not user.is_active:
        raise ReviewerInactive(user.get_username())


def is_own_request(ticket: Ticket, user_id: int) -> bool:
    """Tell whether somebody asked for the work themselves, so that colleagues decide it."""
    return user_id in ticket.requesters and not get_conf().OWN_DECISIONS


def require_no_requester(ticket: Ticket, user: AbstractBaseUser) -> None:
    """Refuse whoever asked for the work: they neither claim nor vote nor decide, superusers neither.

    Raises: OwnRequest.
    """
    if is_own_request(ticket, user.pk):
        raise OwnRequest(ticket.pk)


def require_open(ticket: Ticket) -> None:
    """Refuse a closed ticket.

    Raises: TicketResolved, TicketWithdrawn: how it was closed.
    """
    if ticket.status == TicketStatus.WITHDRAWN:
        raise TicketWithdrawn(ticket.pk, ticket.withdrawn_reason)
    if ticket.status == TicketStatus.RESOLVED:
        raise TicketResolved(describe_resolution(ticket), _tell_resolution(ticket))


def require_waiting(ticket: Ticket) -> None:
    """Refuse a ticket that is closed, or that somebody has decided although that has not taken effect yet.

    Raises: TicketResolved, TicketWithdrawn, DecisionPending.
    """
    require_open(ticket)
    pending = find_pending(ticket)
    if pending is None:
        return
    who = pending.decided_by.get_username()
    raise DecisionPending(
        f"Ticket {pending.ticket_id} was decided ({pending.kind}) by {who}; that takes effect at "
        f"{pending.takes_effect_at:%H:%M:%S} UTC. Until then {who} or a lead can take it back.",
        [
            Changed("decision", None, pending.kind),
            Changed("decided_by", None, who),
            Changed("decided_at", None, pending.decided_at.isoformat()),
            Changed("takes_effect_at", None, pending.takes_effect_at.isoformat()),
        ],
    )


def find_pending(ticket: Ticket) -> PendingResolution | None:
    """Return the decision of a locked ticket that waits to take effect; None: nothing waits, and nothing is asked."""
    if ticket.decided_at is None:
        return None
    return PendingResolution.objects.select_related("decided_by").filter(ticket=ticket.pk).first()


def _tell_resolution(ticket: Ticket) -> list[Changed]:
    return [
        Changed("status", TicketStatus.OPEN, ticket.status),
        Changed("decision", None, ticket.resolution),
        Changed("decided_by", None, name_decider(ticket)),
        Changed("decided_at", None, ticket.resolved_at.isoformat() if ticket.resolved_at else None),
    ]


def name_decider(ticket: Ticket) -> str:
    """Return who decided a resolved ticket: a person's name, or the rule."""
    if ticket.resolved_by:
        return ticket.resolved_by.get_username()
    return f"rule:{ticket.resolved_rule}" if ticket.resolved_rule else "nobody"


def describe_resolution(ticket: Ticket) -> str:
    """Say in one sentence how a resolved ticket was decided."""
    who = name_decider(ticket)
    when = f"{ticket.resolved_at:%Y-%m-%d %H:%M:%S} UTC" if ticket.resolved_at else "never"
    return f"Ticket {ticket.pk} was resolved ({ticket.resolution}) by {who} at {when}; it is decided once."
