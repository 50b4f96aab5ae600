"""Tickets that come back after they were put off, and clocks that were to go on by themselves: at their time."""

from django.db import transaction
from django.db.models import Q

from escalation.domain.states import TicketStatus
from escalation.escrow.clock import catch_up
from escalation.escrow.snoozing import bring_back
from escalation.models import ClockTimestamp, Pause, Ticket, read_clock
from orchestration.maintenance.each import do_each, for_a_while, in_any_order

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT = 200


def wake_tickets() -> None:
    """Bring back what was put off until now, and let clocks go on that were stopped until now.

    A row that is locked is being dealt with at this moment, and is found again by the next sweep.
    """
    do_each("wake_tickets", for_a_while(in_any_order(_find_due())), _wake)


def _find_due() -> list[int]:
    now = ClockTimestamp()
    stopped = Pause.objects.filter(ended_at=None, resume_at__lte=now).order_by("resume_at")
    snoozed = Ticket.objects.filter(status=TicketStatus.OPEN, snoozed_until__lte=now).order_by(
        "snoozed_until"
    )
    ids = [
        *snoozed.values_list("pk", flat=True)[:SWEEP_LIMIT],
        *stopped.values_list("ticket", flat=True)[:SWEEP_LIMIT],
    ]
    return list(dict.fromkeys(ids))


def _wake(ticket_id: int) -> None:
    with transaction.atomic():
        rows = Ticket.objects.filter(
            Q(snoozed_until__isnull=False) | Q(paused_at__isnull=False), pk=ticket_id
        )
        ticket = (
            rows.filter(status=TicketStatus.OPEN).select_for_update(no_key=True, skip_locked=True).first()
        )
        if ticket is None:
            return
        now = read_clock()
        if ticket.snoozed_until is not None and ticket.snoozed_until <= now:
            bring_back(ticket, now, None)
        catch_up(ticket, now)
