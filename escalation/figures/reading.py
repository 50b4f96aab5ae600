"""Adds up the figures of a period in two statements: kept days; kept hours, with what is not kept yet counted live.

A period of at most two days is told by the hour, a longer one by the day (UTC).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from django.db import connection

from escalation.domain.measures import Figures
from escalation.figures.folding import DAY, HOUR, begin_day, begin_hour
from escalation.figures.measuring import FIGURES
from escalation.models import FoldedHour, Ticket

BY_THE_HOUR: Final = timedelta(days=2)
_MOST_LIVE: Final = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time that ends now or ended before.

    Attributes: since, until: on the hour, or on the day where it is told by the day; until is left out.
    """

    since: datetime
    until: datetime
    by_day: bool

    @classmethod
    def build(cls, since: datetime, until: datetime) -> Self:
        """Return the whole hours or days that a span touches."""
        by_day = until - since > BY_THE_HOUR
        begin, step = (begin_day, DAY) if by_day else (begin_hour, HOUR)
        first, last = begin(since), begin(until)
        return cls(first, last if last == until else last + step, by_day)

    def list_slots(self) -> Iterator[datetime]:
        """Yield the beginnings of its hours or days."""
        slot, step = self.since, DAY if self.by_day else HOUR
        while slot < self.until:
            yield slot
            slot += step


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted over a period, altogether and by what a lead looks at.

    Attributes:
        by_agent: of those counts that are kept by agent.  by_rule: by agent and rule.
        missing_since: from here on hours are neither kept nor counted live, as the maintainer is behind; or None.
        reaches_back_to: hours before are not kept yet; None when the period is covered.
        attempts: how often each agent began to work, in the hours that are kept.
    """

    period: Period
    total: Figures
    by_slot: dict[datetime, Figures] = field(default_factory=dict)
    by_queue: dict[int, Figures] = field(default_factory=dict)
    by_agent: dict[str, Figures] = field(default_factory=dict)
    by_rule: dict[tuple[str, str], Figures] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    missing_since: datetime | None = None
    reaches_back_to: datetime | None = None


# One row for all buckets of a measure: thousands of rows cost the web process more than the sums cost PostgreSQL.
_PACKED: Final = """
SELECT is_slot, slot, queue_id, agent, rule, measure, array_agg(bucket), array_agg(count) FROM ({sums}) sums
GROUP BY is_slot, slot, queue_id, agent, rule, measure
"""
# Straight from the table: through a subquery the planner forgets how short its words are, and sorts on disk.
_DAYS: Final = _PACKED.format(
    sums="""
SELECT GROUPING(day) = 0 AS is_slot, day AS slot, queue_id, agent, rule, measure, bucket, sum(count)::bigint AS count
FROM escalation_dayfigure WHERE day >= %(day_since)s AND day < %(day_until)s AND queue_id = ANY(%(queues)s)
GROUP BY measure, bucket, GROUPING SETS ((day), (queue_id), (agent, rule))
"""
)
_HOURS: Final = _PACKED.format(
    sums=f"""
SELECT GROUPING(slot) = 0 AS is_slot, slot, queue_id, agent, rule, measure, bucket, sum(count)::bigint AS count FROM (
    SELECT CASE WHEN %(by_day)s THEN date_trunc('day', hour, 'UTC') ELSE hour END AS slot,
        queue_id, agent, rule, measure, bucket, count FROM (
        SELECT hour, queue_id, agent, rule, measure, bucket, count FROM escalation_hourfigure
        WHERE hour >= %(hour_since)s AND hour < %(hour_until)s
      UNION ALL
        SELECT hour, queue_id, agent, rule, measure, bucket, count FROM ({FIGURES}) live
    ) hours WHERE queue_id = ANY(%(queues)s)
) figure GROUP BY measure, bucket, GROUPING SETS ((slot), (queue_id), (agent, rule))
"""
)
_ATTEMPTS = """
SELECT agent, sum(attempts) FROM escalation_agenthour
WHERE hour >= %(since)s AND hour < %(until)s AND project_id = ANY(%(projects)s) GROUP BY agent
"""


def read_figures(
    period: Period, queues: Collection[int], projects: Collection[int], now: datetime
) -> Reading:
    """Return what was counted in a period.

    Args: queues: whose tickets.  projects: whose attempts the tickets are a share of.  now: PostgreSQL's time.
    """
    kept = FoldedHour.objects.order_by("hour").values_list("hour", flat=True)
    oldest, newest = kept.first(), kept.last()
    live_since = begin_hour(now) if newest is None else newest + HOUR
    live_since = max(live_since, period.since)
    live_until = min(live_since + _MOST_LIVE, period.until)
    reading = Reading(
        period,
        Figures(),
        missing_since=live_until if live_until < min(period.until, begin_hour(now)) else None,
        reaches_back_to=_find_reach(oldest, period, live_since),
        attempts=_count_attempts(period, projects),
    )
    spans = _name_spans(period, live_since, live_until, now)
    with connection.cursor() as cursor:
        for statement in (_DAYS, _HOURS):
            cursor.execute(statement, {**spans, "queues": list(queues), "by_day": period.by_day})
            for row in cursor:
                _sort_in(reading, row)
    return reading


def _name_spans(period: Period, live_since: datetime, live_until: datetime, now: datetime) -> dict[str, Any]:
    """Return which days, hours and live span the statements read; no moment lies in two of them."""
    kept_until = min(live_since, period.until)
    # A day that is over may lack its last hours when the maintainer is behind: these are read as hours.
    days_end = min(begin_day(kept_until), begin_day(now)) if period.by_day else period.since
    days_end = max(days_end, period.since)
    return {
        "day_since": period.since,
        "day_until": days_end,
        "hour_since": days_end,
        "hour_until": kept_until,
        "since": live_since,
        "until": live_until,
    }


def _find_reach(oldest: datetime | None, period: Period, live_since: datetime) -> datetime | None:
    reach = live_since if oldest is None else oldest
    if reach <= period.since:
        return None
    first = Ticket.objects.order_by("opened_at").values_list("opened_at", flat=True).first()
    return reach if first is not None and first < reach else None


def _count_attempts(period: Period, projects: Collection[int]) -> dict[str, int]:
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "since": period.since,
            "until": period.until,
            "projects": list(projects),
        }
        cursor.execute(_ATTEMPTS, parameters)
        return {agent: int(count) for agent, count in cursor.fetchall()}


def _sort_in(reading: Reading, row: tuple[Any, ...]) -> None:
    """Put sums where they belong, also into the sums that are made of them: they cost the statement a pass each."""
    is_slot, slot, queue, agent, rule, measure, buckets, sums = row
    if is_slot:
        places = [reading.by_slot.setdefault(slot, Figures())]
    elif queue is not None:
        places = [reading.by_queue.setdefault(queue, Figures()), reading.total]
    else:
        by_rule = reading.by_rule.setdefault((agent, rule), Figures())
        places = [by_rule, reading.by_agent.setdefault(agent, Figures())]
    for figures in places:
        counts = figures.counts.setdefault(measure, {})
        for bucket, count in zip(buckets, sums, strict=True):
            counts[bucket] = counts.get(bucket, 0) + count
