"""What the figures of a span of time are, counted from tickets and breaches in one statement.

Each line of `told` is something that happened to a ticket, in the hour in which it happened; every one of them is
found by an index. An audit holds nothing: it counts where it is decided, and in how often an agent was right, but not
as escalated, nor as in time or late. Read next: `folding.py`, which keeps the counts.
"""

from datetime import datetime
from math import log
from typing import Any, Final

from escalation.domain.histogram import CONFIDENCE_BUCKETS, LAST_BUCKET, RATIO, SHORTEST, UNSTATED
from escalation.domain.measures import DECIDED, OF_AGENT, OF_QUEUE, Measure
from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import ResolutionKind


def _in_span(moment: str) -> str:
    return f"{moment} >= %(since)s AND {moment} < %(until)s"


def _bucket(length: str) -> str:
    """Return the SQL for the bucket of a length of time; as `find_bucket`."""
    seconds = f"GREATEST(EXTRACT(EPOCH FROM {length})::float8 / {SHORTEST}, 1)"
    return f"LEAST(CEIL(LN({seconds}) / {log(RATIO)!r}), {LAST_BUCKET})::int"


_CONFIDENCE = f"""CASE WHEN confidence IS NULL THEN {UNSTATED}
    ELSE LEAST({CONFIDENCE_BUCKETS - 1}, FLOOR(confidence * {CONFIDENCE_BUCKETS} + 1e-9)::int) END"""

# An edit of nothing but fields that the queue lets pass leaves the agent in the right.
STANDS = f"""CASE WHEN resolution = '{ResolutionKind.APPROVE}' THEN true
    WHEN resolution = '{ResolutionKind.EDIT}' AND passing_edits <> '{{}}' THEN COALESCE(
        jsonb_typeof(seen_json::jsonb) = 'object' AND jsonb_typeof(resolution_output_json::jsonb) = 'object'
        AND seen_json::jsonb - passing_edits::text[] = resolution_output_json::jsonb - passing_edits::text[], false)
    ELSE false END"""

_HOLDS: Final = f"subject <> '{HoldSubject.AUDIT}'"

_TOLD: Final = f"""
    SELECT id, opened_at AS at, '{Measure.OPENED}' AS measure, 0 AS bucket
    FROM escalation_ticket WHERE {_in_span("opened_at")} AND {_HOLDS}
  UNION ALL
    SELECT t.id, t.touched_at, m.measure, m.bucket
    FROM escalation_ticket t CROSS JOIN LATERAL (VALUES
        ('{Measure.TOUCHED}', 0),
        ('{Measure.TOUCH_TIME}', {_bucket("(t.touched_at - t.opened_at)")}),
        (CASE WHEN NOT EXISTS (SELECT FROM escalation_breach b
              WHERE b.ticket_id = t.id AND b.deadline = 'first_touch') THEN '{Measure.TOUCH_KEPT}' END, 0)
    ) AS m (measure, bucket) WHERE {_in_span("t.touched_at")} AND t.{_HOLDS}
  UNION ALL
    SELECT t.id, t.resolved_at, m.measure, m.bucket
    FROM (SELECT t.*, q.passing_edits FROM escalation_ticket t JOIN escalation_reviewqueue q ON q.id = t.queue_id) t
    CROSS JOIN LATERAL (VALUES
        ('{DECIDED}' || t.resolution, 0),
        (CASE WHEN t.{_HOLDS} THEN '{Measure.DECISION_TIME}' END, {_bucket("(t.resolved_at - t.opened_at)")}),
        (CASE WHEN t.touched_at IS NOT NULL THEN '{Measure.WORK_TIME}' END,
         {_bucket("(t.resolved_at - t.touched_at)")}),
        (CASE WHEN t.{_HOLDS} AND NOT EXISTS (SELECT FROM escalation_breach b
              WHERE b.ticket_id = t.id AND b.deadline = 'resolution') THEN '{Measure.KEPT}' END, 0),
        (CASE WHEN t.has_proposal THEN CASE WHEN {STANDS} THEN '{Measure.RIGHT}' ELSE '{Measure.WRONG}' END END,
         {_CONFIDENCE})
    ) AS m (measure, bucket) WHERE {_in_span("t.resolved_at")}
  UNION ALL
    SELECT id, withdrawn_at, '{Measure.WITHDRAWN}', 0
    FROM escalation_ticket WHERE {_in_span("withdrawn_at")}
  UNION ALL
    SELECT ticket_id, due_at,
        CASE deadline WHEN 'first_touch' THEN '{Measure.TOUCH_MISSED}' ELSE '{Measure.MISSED}' END, 0
    FROM escalation_breach WHERE {_in_span("due_at")}
"""


def _quote(measures: tuple[Measure, ...]) -> str:
    return ", ".join(f"'{measure}'" for measure in measures)


# The attempt's agent, not the step's: a step may go on with another one, and what was judged was the attempt's.
FIGURES: Final = f"""
SELECT date_trunc('hour', told.at, 'UTC') AS hour, t.queue_id,
    CASE WHEN told.measure IN ({_quote(OF_QUEUE)}) THEN '' ELSE COALESCE(a.agent, s.agent, '') END AS agent,
    CASE WHEN told.measure IN ({_quote(OF_QUEUE + OF_AGENT)}) THEN '' ELSE t.rule END AS rule,
    told.measure, told.bucket, count(*) AS count
FROM ({_TOLD}) told
JOIN escalation_ticket t ON t.id = told.id
LEFT JOIN orchestration_step s ON s.id = t.step_id
LEFT JOIN orchestration_attempt a ON a.step_id = t.step_id AND a.number = t.attempt
WHERE told.measure IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6
"""


def name_span(since: datetime, until: datetime) -> dict[str, Any]:
    """Return the parameters of `FIGURES`: from a moment until just before another."""
    return {"since": since, "until": until}
