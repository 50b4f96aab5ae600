"""The SLA watch: records missed deadlines.

It frees nothing: a claim that ran out is free by itself. A ticket's late close is recorded with the close, so
only open tickets are looked at.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from escalation.domain.states import DeadlineKind, TicketStatus
from escalation.escrow import record_missed
from escalation.models import IS_AUDIT, Breach, ClockTimestamp, Ticket, read_clock

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT = 500


def watch_tickets() -> None:
    """Record each missed deadline of the open tickets once.

    A row that is locked is being claimed or decided at this moment and is left out: whoever holds it knows
    whether the deadline was met, and records it.
    """
    with transaction.atomic():
        rows = _find_overdue().select_for_update(of=("self",), no_key=True, skip_locked=True)
        tickets = list(rows[:SWEEP_LIMIT])
        if tickets:
            record_missed(tickets, read_clock())


def _find_overdue() -> QuerySet[Ticket]:
    # A clock that stands still shows the time at which it was stopped; a decision that waits was made in its time.
    shown = Coalesce("decided_at", "paused_at", ClockTimestamp())
    untouched = Q(touched_at__isnull=True, first_touch_due_at__lt=shown)
    undecided = Q(due_at__lt=shown)
    overdue = (untouched & ~_is_known(DeadlineKind.FIRST_TOUCH)) | (
        undecided & ~_is_known(DeadlineKind.RESOLUTION)
    )
    tickets = Ticket.objects.filter(overdue & ~IS_AUDIT, status=TicketStatus.OPEN)
    return tickets.defer("seen_json", "draft_json").order_by("due_at", "pk")


def _is_known(deadline: DeadlineKind) -> Exists:
    return Exists(Breach.objects.filter(ticket=OuterRef("pk"), deadline=deadline))
