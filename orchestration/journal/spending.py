"""What a step's calls used that none of its attempts has reported yet."""

from typing import Final

from agents.domain.usage import CallUsage
from orchestration.database.statements import fetch_one

# An attempt that reports reports all calls up to its own: those of one that died before are the next one's to tell.
_UNREPORTED: Final = """
WITH reported AS (
    SELECT coalesce(max(a.number), 0) AS number FROM orchestration_usage u
    JOIN orchestration_attempt a ON a.id = u.attempt_id WHERE u.step_id = %(step)s
)
SELECT sum(c.input_tokens)::bigint AS input_tokens, sum(c.output_tokens)::bigint AS output_tokens,
    CASE WHEN bool_and(t.cost_micro_usd IS NOT NULL) THEN sum(t.cost_micro_usd)::bigint END AS cost
FROM orchestration_call c JOIN orchestration_calltry t ON t.call_id = c.id AND t.state = 'done', reported r
WHERE c.step_id = %(step)s AND c.input_tokens IS NOT NULL AND t.attempt > r.number
"""


def sum_unreported(step_id: int) -> CallUsage | None:
    """Return what calls of this attempt used, and those of attempts before it that ended without a word.

    A cost that is not known of one is not known of all.
    """
    found = fetch_one(_UNREPORTED, {"step": step_id})
    if found.input_tokens is None:
        return None
    return CallUsage(int(found.input_tokens), int(found.output_tokens), cost_micro_usd=found.cost)
