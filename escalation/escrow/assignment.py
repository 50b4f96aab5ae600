"""Who is offered a ticket first. An assignment is no claim and no touch: its clocks run on until somebody claims it."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.notices import Happening
from escalation.domain.resolution import check_text
from escalation.errors import AssigneeUnfit
from escalation.escrow.pending import void_pending
from escalation.escrow.room import require_tags
from escalation.escrow.rows import is_own_request, lock_ticket, require_active, require_waiting
from escalation.models import ReviewerProfile, Ticket
from escalation.notify import announce
from escalation.selectors.people import list_deciders, list_leads


def assign_free_ticket(
    ticket: Ticket, user: AbstractBaseUser, now: datetime, *, instead_of: str = ""
) -> bool:
    """Assign a ticket that nobody holds and that was assigned to nobody yet; the caller is the maintainer.

    Args: instead_of: whose turn it was, if the person is their substitute.
    Returns: False: somebody claimed or closed it meanwhile, or it was assigned.
    """
    is_free = Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=now)
    with transaction.atomic():
        waiting = Ticket.objects.filter(
            is_free, pk=ticket.pk, status="open", assigned_until=None, decided_at=None
        )
        assigned = waiting.update(assigned_to=user.pk, assigned_until=find_end(ticket, now))
        if assigned:
            record(Act.ASSIGNED, None, ticket=ticket, to=user.get_username(), instead_of=instead_of)
    return bool(assigned)


def reassign_ticket(ticket_id: int, lead: AbstractBaseUser, to: AbstractBaseUser, note: str = "") -> Ticket:
    """Assign a ticket to somebody, whoever has it: a claim on it ends, its draft stays, its clocks run on.

    The caller has checked that `lead` may. How much the person has is the lead's to weigh: they can claim it once there
    is room.

    Args: note: for colleagues, kept in the audit.

    Raises:
        AssigneeUnfit: they may not decide it, asked for the work, or are absent.
        TagsMissing: its queue asks for tags that they have not.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive, ResolutionInvalid: named in the message.
    """
    check_text("note", note)
    require_active(lead)
    require_active(to)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        _require_fit(ticket, to, now)
        had = ticket.claimed_by if ticket.is_claimed(now) else ticket.assigned_to
        Ticket.objects.filter(pk=ticket_id).update(
            assigned_to=to.pk,
            assigned_until=find_end(ticket, now),
            claimed_by=None,
            claim_expires_at=None,
            released_by=None,
        )
        ticket.refresh_from_db()
        before = had.get_username() if had else ""
        record(Act.ASSIGNED, lead, ticket=ticket, to=to.get_username(), before=before, note=note)
        if to.pk != lead.pk:
            _tell(ticket, lead, to, now)
    return ticket


def _tell(ticket: Ticket, lead: AbstractBaseUser, to: AbstractBaseUser, now: datetime) -> None:
    announce(
        Happening.ASSIGNED,
        key=f"assigned:{ticket.pk}:{now.isoformat()}",
        ticket=ticket,
        people=[to.pk],
        by=lead.get_username(),
    )


def free_ticket(ticket: Ticket, why: str) -> bool:
    """Take a ticket from somebody who can't have it any more, claimed or assigned; the caller is the maintainer.

    Returns: False: it changed hands meanwhile.
    """
    with transaction.atomic():
        now_has, now = lock_ticket(ticket.pk)
        had = {"claimed_by": ticket.claimed_by_id, "assigned_to": ticket.assigned_to_id, "status": "open"}
        if now_has.is_open and now_has.claimed_by_id == ticket.claimed_by_id:
            void_pending(now_has, why, now)
        freed = Ticket.objects.filter(pk=ticket.pk, **had).update(
            claimed_by=None,
            claim_expires_at=None,
            assigned_to=None,
            assigned_until=None,
            # A queue that closes what is overdue waited for the end of this claim.
            next_look_at=now,
        )
        if freed:
            who = ticket.claimed_by or ticket.assigned_to
            record(Act.RELEASED, None, ticket=ticket, before=who.get_username() if who else "", why=why)
    return bool(freed)


def find_end(ticket: Ticket, now: datetime) -> datetime:
    """Return when a ticket that is assigned now is free for all again: after half the time for a first look."""
    within = ticket.first_touch_within or ticket.first_touch_due_at - ticket.opened_at
    return now + within / 2


def _require_fit(ticket: Ticket, to: AbstractBaseUser, now: datetime) -> None:
    name = to.get_username()
    if ticket.has_quorum:
        raise AssigneeUnfit(
            f"to: {ticket.seats} people decide ticket {ticket.pk}, each on their own; it is assigned to nobody."
        )
    if ticket.needs_lead and not list_leads(ticket.queue).filter(pk=to.pk).exists():
        raise AssigneeUnfit(
            f"to: ticket {ticket.pk} is for somebody who leads its queue, which {name} does not."
        )
    if not list_deciders(ticket.queue).filter(pk=to.pk).exists():
        raise AssigneeUnfit(f"to: {name} may not decide tickets of the queue '{ticket.queue.slug}'.")
    if is_own_request(ticket, to.pk):
        raise AssigneeUnfit(f"to: {name} asked for the work of ticket {ticket.pk}; a colleague decides it.")
    profile = ReviewerProfile.objects.filter(user=to.pk).select_related("substitute").first()
    if profile is not None and profile.is_absent(now):
        instead = f"; {profile.substitute.get_username()} stands in" if profile.substitute else ""
        raise AssigneeUnfit(f"to: {name} is absent{instead}.")
    require_tags(ticket, to)
