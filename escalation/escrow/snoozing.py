"""Putting a ticket off until later, and its return: by itself, or because somebody takes it up."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.clocks import PauseEnd, PauseStart
from escalation.domain.states import TicketStatus
from escalation.errors import ClockInvalid, ClockRefused, ResolutionStale, TicketNotClaimed
from escalation.escrow.clock import (
    catch_up,
    check_reason,
    check_time,
    resume_clocks,
    stop_clocks,
)
from escalation.escrow.rows import lock_ticket, require_active, require_waiting
from escalation.models import Pause, SnoozeReason, Ticket


def snooze_ticket(
    ticket_id: int,
    user: AbstractBaseUser,
    until: datetime,
    reason: str,
    claim_number: int | None,
    *,
    reason_code: str = "",
) -> Ticket:
    """Put the ticket that one holds off until a time; nobody is offered it before. The claim ends, the draft stays.

    Its clocks run on, unless the queue says otherwise, of all that is put off or of this reason.

    Args:
        until: aware; within a year.
        reason: in words, for colleagues.
        claim_number: under which one looked at it; None: whichever live claim the person holds.
        reason_code: one of the queue's, or "".
    Returns: the ticket as it stands then.

    Raises:
        ClockInvalid: naming the field.
        ClockRefused: several people decide it.
        TicketNotClaimed, ResolutionStale: no live claim of this person's, or a newer one.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    check_reason(reason)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        if ticket.has_quorum:
            raise ClockRefused(
                f"Several people decide ticket {ticket_id}, each on their own, so none of them puts it off; give your "
                "seat back instead."
            )
        _require_claim(ticket, user, claim_number, now)
        check_time("until", until, now)
        stops = _find_reason(ticket, reason_code) or ticket.queue.snooze_stops_clock
        catch_up(ticket, now)
        if stops and ticket.paused_at is None:
            stop_clocks(ticket, user, PauseStart.SNOOZE, reason.strip(), now, until)
        Ticket.objects.filter(pk=ticket_id, status=TicketStatus.OPEN).update(
            snoozed_until=until,
            snooze_reason=reason.strip(),
            claimed_by=None,
            claim_expires_at=None,
            next_look_at=now,
        )
        record(Act.SNOOZED, user, ticket=ticket, until=until, reason=reason.strip(), code=reason_code)
        ticket.refresh_from_db()
    return ticket


def wake_ticket(ticket_id: int, user: AbstractBaseUser) -> Ticket:
    """Bring back a ticket before its time; clocks that stood still for it go on.

    Raises:
        ClockRefused: it is not put off.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        if ticket.snoozed_until is None:
            raise ClockRefused(f"Ticket {ticket_id} is not put off; it waits with the others.")
        bring_back(ticket, now, user)
        ticket.refresh_from_db()
    return ticket


def bring_back(ticket: Ticket, now: datetime, user: AbstractBaseUser | None) -> None:
    """Offer a locked ticket again that was put off.

    Args: user: who wants it before its time; None: its time has come.
    """
    stopped = Pause.objects.filter(ticket=ticket, ended_at=None, cause=PauseStart.SNOOZE)
    if ticket.paused_at is not None and stopped.exists():
        resume_clocks(ticket, now, PauseEnd.PERSON if user else PauseEnd.TIME, user)
    until = ticket.snoozed_until
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        snoozed_until=None, snooze_reason="", next_look_at=now
    )
    ticket.snoozed_until, ticket.snooze_reason = None, ""
    record(Act.WOKE, user, ticket=ticket, until=until)


def _require_claim(ticket: Ticket, user: AbstractBaseUser, claim_number: int | None, now: datetime) -> None:
    if claim_number is not None and claim_number != ticket.claim_number:
        raise ResolutionStale(
            f"Ticket {ticket.pk} was claimed again since you opened it; open it again and look at it anew."
        )
    if not ticket.is_claimed_by(user.pk, now):
        raise TicketNotClaimed(ticket.pk)


def _find_reason(ticket: Ticket, code: str) -> bool:
    """Return whether a reason of the queue stops the clocks."""
    if not code:
        return False
    known = {reason.code: reason.stops_clock for reason in SnoozeReason.objects.filter(queue=ticket.queue_id)}
    if code not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise ClockInvalid(f"reason_code: this queue has no reason '{code[:50]}'; known are: {listed}.")
    return known[code]
