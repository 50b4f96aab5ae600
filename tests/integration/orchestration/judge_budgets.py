"""A judge of budgets that knows nothing of the engine's own sums: it makes them anew from the rows of tries."""

from django.db import connection

# What each try says of each pot that it reserved in: while it is begun, and once it has ended.
_SUMS = """
WITH said AS (
    SELECT p.id, t.state, CASE p.unit WHEN 'tokens' THEN t.reserved_tokens WHEN 'micro_usd' THEN t.reserved_micro_usd
            WHEN 'calls' THEN 1 ELSE 0 END AS reserved,
        CASE p.unit WHEN 'tokens' THEN t.tokens WHEN 'micro_usd' THEN t.cost_micro_usd WHEN 'calls' THEN 1
            ELSE 0 END AS used
    FROM orchestration_pot p JOIN orchestration_calltry t ON p.id = ANY(t.pots)
)
SELECT p.id, p.unit, p."limit", p.reserved, p.spent, p.lost, p.overrun,
    coalesce(sum(s.reserved) FILTER (WHERE s.state = 'begun'), 0),
    coalesce(sum(CASE s.state WHEN 'done' THEN coalesce(s.used, s.reserved) WHEN 'failed' THEN s.used
        WHEN 'lost' THEN greatest(s.used - s.reserved, 0) END), 0),
    coalesce(sum(CASE WHEN s.state = 'lost' THEN least(s.used, s.reserved)
        WHEN s.state = 'failed' AND s.used IS NULL THEN s.reserved END), 0)
FROM orchestration_pot p LEFT JOIN said s ON s.id = p.id WHERE p.unit <> 'human_seconds'
GROUP BY p.id ORDER BY p.id
"""


def judge_budgets() -> int:
    """Hold every pot against the tries below it, and return how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS)
        rows = cursor.fetchall()
    for pot, unit, limit, reserved, spent, lost, overrun, is_reserved, is_spent, is_lost in rows:
        assert (reserved, spent + overrun, lost) == (is_reserved, is_spent, is_lost), (pot, unit)
        assert reserved + spent + lost <= limit, (pot, unit)
        assert not overrun or reserved + spent + lost == limit, (pot, unit)
    return len(rows)
