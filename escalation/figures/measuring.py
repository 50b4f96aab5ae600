"""What the figures of a span of time are, counted from tickets and breaches in one statement.

Each line of `told` is something that happened to a ticket, in the hour in which it happened; every one of them is
found by an index. An audit holds nothing: it counts where it is decided, and in how often an agent was right, but not
as escalated, nor as in time or late. Read next: `folding.py`, which keeps the counts.
"""

from datetime import datetime
from math import log
from typing import Any, Final

from escalation.domain.histogram import LAST_BUCKET, RATIO, SHORTEST
from escalation.domain.measures import DECIDED, OF_QUEUE, Measure
from escalation.selectors.judged import JUDGED, STANDS
from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import ResolutionKind


def _in_span(moment: str) -> str:
    return f"{moment} >= %(since)s AND {moment} < %(until)s"


def _bucket(length: str) -> str:
    """Return the SQL for the bucket of a length of time; as `find_bucket`."""
    seconds = f"GREATEST(EXTRACT(EPOCH FROM {length})::float8 / {SHORTEST}, 1)"
    return f"LEAST(CEIL(LN({seconds}) / {log(RATIO)!r}), {LAST_BUCKET})::int"


_HOLDS: Final = f"t.subject <> '{HoldSubject.AUDIT}'"

_TICKET: Final = "t.queue_id, t.agent, t.rule"
_TOLD: Final = f"""
    SELECT t.opened_at AS at, {_TICKET}, '{Measure.OPENED}' AS measure, 0 AS bucket
    FROM escalation_ticket t WHERE {_in_span("t.opened_at")} AND {_HOLDS}
  UNION ALL
    SELECT t.touched_at, {_TICKET}, m.measure, m.bucket
    FROM escalation_ticket t CROSS JOIN LATERAL (VALUES
        ('{Measure.TOUCHED}', 0),
        ('{Measure.TOUCH_TIME}', {_bucket("(t.touched_at - t.opened_at)")}),
        (CASE WHEN NOT EXISTS (SELECT FROM escalation_breach b
              WHERE b.ticket_id = t.id AND b.deadline = 'first_touch') THEN '{Measure.TOUCH_KEPT}' END, 0)
    ) AS m (measure, bucket) WHERE {_in_span("t.touched_at")} AND {_HOLDS}
  UNION ALL
    SELECT t.resolved_at, {_TICKET}, m.measure, m.bucket
    FROM escalation_ticket t JOIN escalation_reviewqueue q ON q.id = t.queue_id CROSS JOIN LATERAL (VALUES
        ('{DECIDED}' || t.resolution, 0),
        (CASE WHEN {_HOLDS} THEN '{Measure.DECISION_TIME}' END,
         {_bucket("(COALESCE(t.decided_at, t.resolved_at) - t.opened_at)")}),
        (CASE WHEN {_HOLDS} AND NOT EXISTS (SELECT FROM escalation_breach b
              WHERE b.ticket_id = t.id AND b.deadline = 'resolution') THEN '{Measure.KEPT}' END, 0),
        (CASE WHEN {JUDGED} THEN CASE WHEN {STANDS} THEN '{Measure.RIGHT}' ELSE '{Measure.WRONG}' END END, 0),
        (CASE WHEN {JUDGED} AND t.resolution = '{ResolutionKind.EDIT}' THEN '{Measure.EDITED}' END, 0)
    ) AS m (measure, bucket) WHERE {_in_span("t.resolved_at")}
  UNION ALL
    SELECT t.withdrawn_at, {_TICKET}, '{Measure.WITHDRAWN}', 0
    FROM escalation_ticket t WHERE {_in_span("t.withdrawn_at")}
  UNION ALL
    SELECT b.due_at, {_TICKET},
        CASE b.deadline WHEN 'first_touch' THEN '{Measure.TOUCH_MISSED}' ELSE '{Measure.MISSED}' END, 0
    FROM escalation_breach b JOIN escalation_ticket t ON t.id = b.ticket_id WHERE {_in_span("b.due_at")}
"""


def _quote(measures: tuple[Measure, ...]) -> str:
    return ", ".join(f"'{measure}'" for measure in measures)


# A ticket keeps whose work it is about: its step may have gone on with another agent.
FIGURES: Final = f"""
SELECT date_trunc('hour', at, 'UTC') AS hour, queue_id,
    CASE WHEN measure IN ({_quote(OF_QUEUE)}) THEN '' ELSE agent END AS agent,
    CASE WHEN measure = '{Measure.OPENED}' THEN rule ELSE '' END AS rule, measure, bucket, count(*) AS count
FROM ({_TOLD}) told WHERE measure IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
"""


def name_span(since: datetime, until: datetime) -> dict[str, Any]:
    """Return the parameters of `FIGURES`: from a moment until just before another."""
    return {"since": since, "until": until}
