"""Recording missed deadlines: one row per ticket and clock, whoever notices first."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from escalation.domain.sla import is_missed
from escalation.domain.states import DeadlineKind
from escalation.models import Breach, Ticket


def record_missed(tickets: Iterable[Ticket], now: datetime) -> int:
    """Record every clock of these tickets that has been missed by `now`; known breaches stay as they are.

    The caller holds the tickets' rows, so that a deadline met in a transaction not yet committed is not
    taken for missed.

    Args: tickets: open, or being closed at `now`.  now: PostgreSQL's time, read under the locks.
    Returns: how many breaches it looked at, new or known.
    """
    # Nobody waits for an audit: its due times say what is looked at first, and missing them is no breach.
    found = [breach for ticket in tickets if ticket.holds_step for breach in _find_missed(ticket, now)]
    Breach.objects.bulk_create(found, ignore_conflicts=True)
    return len(found)


def _find_missed(ticket: Ticket, now: datetime) -> Iterator[Breach]:
    clocks = (
        (DeadlineKind.FIRST_TOUCH, ticket.first_touch_due_at, ticket.touched_at or now),
        (DeadlineKind.RESOLUTION, ticket.due_at, ticket.decided_at or now),
    )
    for deadline, due_at, met_at in clocks:
        # A clock that stands still shows the time at which it was stopped.
        shown = met_at if ticket.paused_at is None else min(met_at, ticket.paused_at)
        if is_missed(due_at, shown):
            # The clock may have stepped back since the touch that came too late.
            yield Breach(ticket=ticket, deadline=deadline, due_at=due_at, found_at=max(now, met_at))
