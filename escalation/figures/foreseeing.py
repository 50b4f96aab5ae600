"""Keeps what is foreseen of each new ticket: when it will be decided at the present pace, and whether that is too late.

After the commit, by a sweep: nothing of the hold waits for it. A forecast is written once, and a hint.
"""

from typing import Any, Final

from django.db import connection
from django.db.models import Max, Q

from escalation.domain.states import TicketStatus
from escalation.figures.present import IN_LINE, look_at_work
from escalation.models import ClockTimestamp, Forecast, Ticket, read_clock
from orchestration.domain.holds import HoldSubject

_BEHIND: Final = 1_000
"""Tickets may commit in another order than their numbers; one so far behind is not foreseen."""

_FORESEE = f"""
INSERT INTO escalation_forecast (ticket_id, made_at, ahead, pace, expected_at, predicted_breach_at)
SELECT id, %(now)s, place - 1, COALESCE(pace, 0), expected_at, CASE WHEN expected_at > due_at THEN due_at END
FROM (
    SELECT id, queue_id, due_at, row_number() OVER (PARTITION BY queue_id ORDER BY due_at, id) AS place
    FROM escalation_ticket WHERE {IN_LINE} AND queue_id = ANY(%(queues)s)
) waiting
JOIN unnest(%(queues)s::bigint[], %(paces)s::float8[], %(works)s::float8[]) AS known (queue, pace, work)
    ON known.queue = queue_id,
-- Where nobody is there, nothing is expected; GREATEST alone would leave out the null.
LATERAL (SELECT %(now)s + CASE WHEN pace IS NOT NULL THEN GREATEST(place / pace, work) END * interval '1 second'
    AS expected_at) foretold
WHERE id = ANY(%(tickets)s)
ON CONFLICT DO NOTHING
"""


def foresee_tickets(limit: int = 1_000) -> int:
    """Write what is foreseen of new tickets, at most so many; return how many were looked at."""
    new = _find_new(limit)
    if not new:
        return 0
    now = read_clock()
    known = look_at_work({queue for _, queue in new}, now).values()
    parameters: dict[str, Any] = {
        "now": now,
        "tickets": [ticket for ticket, _ in new],
        "queues": [queue.queue for queue in known],
        "paces": [queue.pace for queue in known],
        "works": [queue.work_seconds for queue in known],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FORESEE, parameters)
    return len(new)


def _find_new(limit: int) -> list[tuple[int, int]]:
    """Return tickets and their queues; those that are paused or put off stand in no line yet, audits in none."""
    last = Forecast.objects.aggregate(last=Max("ticket"))["last"] or 0
    new = Ticket.objects.filter(
        Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=ClockTimestamp()),
        ~Q(subject=HoldSubject.AUDIT),
        status=TicketStatus.OPEN,
        paused_at__isnull=True,
        forecast__isnull=True,
        pk__gt=last - _BEHIND,
    )
    return list(new.order_by("pk").values_list("pk", "queue_id")[:limit])
