"""Keeps the figures of past hours and days up to date. The hour under way is never kept; `reading.py` counts it live.

The hours that are kept have no gap: the maintainer adds the next one when it has ended, and goes back to the first
ticket an hour at a time. An hour is counted again a little after its end, for what was committed late, and when a
breach of it was found late or put its ticket into another queue.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import inf
from time import monotonic
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from escalation.domain.clocks import BreachStep
from escalation.figures.attempts import find_first_attempt
from escalation.figures.measuring import FIGURES, name_span
from escalation.models import FoldedHour, Ticket, read_clock

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
SETTLED_AFTER: Final = timedelta(minutes=2)
"""A transaction that noted its time before an hour's end, or found a breach, has committed by then."""

HOURS_A_SWEEP: Final = 6
SECONDS_A_SWEEP: Final = 0.5
"""Of busy hours fewer are counted: the same sweep rescues steps."""

_COLUMNS: Final = "queue_id, agent, rule, measure, bucket, count"
_FOLD = (
    f"INSERT INTO escalation_hourfigure (hour, {_COLUMNS}) SELECT hour, {_COLUMNS} FROM ({FIGURES}) counted"
)
_SUM_DAY = """
INSERT INTO escalation_dayfigure (day, queue_id, agent, rule, measure, bucket, count)
SELECT %(since)s, queue_id, agent, rule, measure, bucket, sum(count) FROM escalation_hourfigure
WHERE hour >= %(since)s AND hour < %(until)s GROUP BY queue_id, agent, rule, measure, bucket
"""
_FOLD_ATTEMPTS = """
INSERT INTO escalation_agenthour (hour, project_id, agent, attempts)
SELECT %(since)s, r.project_id, a.agent, count(*)
FROM orchestration_attempt a JOIN orchestration_run r ON r.id = a.run_id
WHERE a.id BETWEEN %(first)s AND %(last)s AND a.started_at >= %(since)s AND a.started_at < %(until)s
GROUP BY r.project_id, a.agent
"""
# Of what was found since the newest hour was counted: all earlier findings were in time for their hour's last count. A
# ticket that a missed deadline put into another queue takes its hours along.
_AGAIN = f"""
WITH newest AS (SELECT hour, folded_at FROM escalation_foldedhour ORDER BY hour DESC LIMIT 1)
SELECT f.hour FROM escalation_foldedhour f, newest
WHERE f.hour > newest.hour - interval '3 hours' AND f.folded_at < f.hour + interval '1 hour' + %(settle)s
    AND f.hour + interval '1 hour' + %(settle)s <= %(now)s
UNION
SELECT f.hour FROM newest, escalation_breach b
JOIN escalation_foldedhour f ON f.hour = date_trunc('hour', b.due_at, 'UTC')
WHERE b.found_at > newest.folded_at - interval '3 hours' AND b.found_at + %(settle)s <= %(now)s
    AND f.folded_at < b.found_at + %(settle)s
UNION
SELECT f.hour FROM newest, escalation_breach b
JOIN escalation_breachdeed d ON d.ticket_id = b.ticket_id AND d.step = '{BreachStep.REROUTE}'
JOIN escalation_ticket t ON t.id = b.ticket_id
CROSS JOIN LATERAL (SELECT t.opened_at UNION SELECT t.touched_at
    UNION SELECT due_at FROM escalation_breach WHERE ticket_id = t.id) AS happened (at)
JOIN escalation_foldedhour f ON f.hour = date_trunc('hour', happened.at, 'UTC')
WHERE b.found_at > newest.folded_at - interval '3 hours' AND d.at + %(settle)s <= %(now)s
    AND f.folded_at < d.at + %(settle)s
ORDER BY 1 DESC LIMIT %(limit)s
"""


def fold_hours(limit: int = HOURS_A_SWEEP, seconds: float = SECONDS_A_SWEEP) -> int:
    """Count what is missing or out of date of the past hours, at most so many; return how many were counted.

    Args: seconds: after so long no further hour is begun.
    """
    now = read_clock()
    again = _find_again(now, limit)
    # The next hours wait while others are counted again: what was found late is found by the newest hour's count.
    hours = again or _find_next(now, limit)
    return _count_hours(hours, now, seconds)


def rebuild(since: datetime, until: datetime) -> int:
    """Count all past hours of a span anew, whatever is kept of them; return how many. What is missing is counted first.

    Args: since: the hour it lies in is the first.  until: the hour it lies in is left out, as is the one under way.
    """
    while fold_hours():
        pass
    span = FoldedHour.objects.filter(hour__gte=begin_hour(since), hour__lt=begin_hour(until)).order_by("hour")
    hours = [hour.astimezone(UTC) for hour in span.values_list("hour", flat=True)]
    for _, together in groupby(hours, begin_day):
        _count_hours(list(together), read_clock())
    return len(hours)


def _count_hours(hours: Sequence[datetime], now: datetime, seconds: float = inf) -> int:
    """Count hours, and add up anew the days that are over: together, or a day would stay as it was before a crash.

    Returns: how many were begun, in their order, within so many seconds; one at least.
    """
    if not hours:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time, each after what the one before it has committed.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ringmaster figures', 0))")
        ends_at, counted = monotonic() + seconds, 0
        while counted < len(hours) and (not counted or monotonic() < ends_at):
            _count_hour(cursor, hours[counted])
            counted += 1
        for day in sorted({day for day in map(begin_day, hours[:counted]) if day + DAY <= now}):
            cursor.execute("DELETE FROM escalation_dayfigure WHERE day = %s", [day])
            cursor.execute(_SUM_DAY, name_span(day, day + DAY))
    return counted


def _count_hour(cursor: CursorWrapper, hour: datetime) -> None:
    """Count one hour, in place of what is kept of it."""
    span = name_span(hour, hour + HOUR)
    # The time before counting: what comes later is not in.
    FoldedHour.objects.bulk_create(
        [FoldedHour(hour=hour, folded_at=read_clock())],
        update_conflicts=True,
        unique_fields=["hour"],
        update_fields=["folded_at"],
    )
    cursor.execute("DELETE FROM escalation_hourfigure WHERE hour = %s", [hour])
    cursor.execute(_FOLD, span)
    cursor.execute("DELETE FROM escalation_agenthour WHERE hour = %s", [hour])
    # Attempts are numbered about in the order in which they start; minutes too many cost little.
    first = find_first_attempt(hour - 5 * SETTLED_AFTER)
    last = find_first_attempt(hour + HOUR + 5 * SETTLED_AFTER)
    cursor.execute(_FOLD_ATTEMPTS, {**span, "first": first, "last": last})


def begin_hour(moment: datetime) -> datetime:
    """Return the beginning of the hour in which a moment lies."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def begin_day(moment: datetime) -> datetime:
    """Return the beginning of the day, UTC, in which a moment lies."""
    return begin_hour(moment).replace(hour=0)


def _find_again(now: datetime, limit: int) -> list[datetime]:
    with connection.cursor() as cursor:
        # The driver knows spans of time; Django's stubs do not.
        parameters: dict[str, Any] = {"settle": SETTLED_AFTER, "now": now, "limit": limit}
        cursor.execute(_AGAIN, parameters)
        return [hour.astimezone(UTC) for (hour,) in cursor.fetchall()]


def _find_next(now: datetime, limit: int) -> list[datetime]:
    """Return the hours that end what is kept: those that ended since, else those before, back to the first ticket."""
    kept = FoldedHour.objects.order_by("hour").values_list("hour", flat=True)
    oldest, newest, this = kept.first(), kept.last(), begin_hour(now)
    first = Ticket.objects.order_by("opened_at").values_list("opened_at", flat=True).first()
    if first is None:
        return []
    if newest is None or oldest is None:
        return _step_back(this, begin_hour(first), limit)
    if newest + HOUR < this:
        return [newest + HOUR * n for n in range(1, limit + 1) if newest + HOUR * n < this]
    return _step_back(oldest, begin_hour(first), limit)


def _step_back(before: datetime, first: datetime, limit: int) -> list[datetime]:
    return [before - HOUR * n for n in range(1, limit + 1) if before - HOUR * n >= first]
