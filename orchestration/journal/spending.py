"""What a step's calls used that none of its attempts has reported yet."""

from typing import Final

from agents.domain.usage import MOST_COUNT, CallUsage
from orchestration.database.statements import fetch_one

# An attempt that reports reports all calls up to its own: those of one that died before are the next one's to tell.
# What was paid for an answer that could not be kept is told as a cost: a try does not say what went in, what came out.
_UNREPORTED: Final = """
WITH reported AS (
    SELECT coalesce(max(a.number), 0) AS number FROM orchestration_usage u
    JOIN orchestration_attempt a ON a.id = u.attempt_id WHERE u.step_id = %(step)s
), paid AS (
    SELECT t.state = 'done' AS is_done, c.input_tokens, c.output_tokens, t.cost_micro_usd AS cost
    FROM orchestration_call c JOIN orchestration_calltry t ON t.call_id = c.id, reported r
    WHERE c.step_id = %(step)s AND t.attempt > r.number AND (
        (t.state = 'done' AND c.finish_reason IS NOT NULL) OR (t.state = 'failed' AND t.cost_micro_usd > 0))
)
SELECT count(*) AS calls, (sum(input_tokens) FILTER (WHERE is_done))::bigint AS input_tokens,
    (sum(output_tokens) FILTER (WHERE is_done))::bigint AS output_tokens,
    CASE WHEN bool_and(cost IS NOT NULL) THEN sum(cost)::bigint END AS cost
FROM paid
"""


def sum_unreported(step_id: int) -> CallUsage | None:
    """Return what calls of this attempt used, and those of attempts before it that ended without a word.

    A cost that is not known of one is not known of all; tokens are those that were counted.
    """
    found = fetch_one(_UNREPORTED, {"step": step_id})
    if not found.calls:
        return None
    sums = (found.input_tokens, found.output_tokens, found.cost)
    given, made, cost = (None if each is None else min(each, MOST_COUNT) for each in sums)
    return CallUsage(given, made, cost_micro_usd=cost)
