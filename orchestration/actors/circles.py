"""Circles of questions that were asked independently: each waits for the next, and none could ever answer.

Who asks somebody that waits for it is refused at once (`executor/asking.py`). Two that ask each other at the same time
are both in order when they do; only afterwards a circle stands, and it stands until a time is over. It is looked for
among turns: one waits for the turn that has its question, or, while that is in the mailbox, for the turn before it.
"""

from typing import Final

from django.db import transaction

from agents.domain.calls import CallKind
from orchestration.actors.replies import refuse_asks
from orchestration.actors.routing import pass_on
from orchestration.awaited import is_awaited
from orchestration.database.statements import fetch_all
from orchestration.domain.words import LIVE

# Of each knot of circles the youngest question; what is still a circle then is found by the next look.
_YOUNGEST: Final = f"""
WITH RECURSIVE edge AS MATERIALIZED (
    SELECT c.id AS call, m.id AS message, asker.id::text AS asks, asked.id::text AS waits_for,
        m.sender || ' asks ' || m.to_name || '/' || m.to_key AS says
    FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id AND {is_awaited("c", "s")}
    JOIN orchestration_message m ON m.asked_by_id = c.id
    JOIN orchestration_run r ON r.id = c.run_id
    JOIN orchestration_run asker ON asker.id = r.root_id AND asker.actor_id IS NOT NULL AND asker.status IN {LIVE}
    JOIN orchestration_actor b ON b.project_id = m.project_id AND b.name = m.to_name AND b.key = m.to_key
    LEFT JOIN orchestration_delivery d ON d.message_id = m.id AND d.actor_id = b.id
    JOIN orchestration_run asked ON asked.actor_id = b.id AND asked.status IN {LIVE}
        AND CASE WHEN d.run_id IS NULL THEN NOT asked.is_parked ELSE asked.id = d.run_id END
    WHERE c.kind = '{CallKind.MESSAGE}' AND NOT EXISTS (SELECT 1 FROM orchestration_message a WHERE a.answers_id = m.id)
), reach AS (
    SELECT e.asks AS origin, e.waits_for AS node FROM edge e WHERE e.waits_for IN (SELECT asks FROM edge)
    UNION
    SELECT r.origin, e.waits_for FROM reach r JOIN edge e ON e.asks = r.node
), knotted AS (
    SELECT e.*, (SELECT min(r.node) FROM reach r JOIN reach back ON back.origin = r.node AND back.node = r.origin
                 WHERE r.origin = e.asks) AS knot
    FROM edge e WHERE EXISTS (SELECT 1 FROM reach b WHERE b.origin = e.waits_for AND b.node = e.asks)
)
SELECT DISTINCT ON (knot) message, string_agg(says, ', ') OVER (PARTITION BY knot) AS circle
FROM knotted ORDER BY knot, call DESC
"""


def break_circles() -> int:
    """Fail the youngest question of each circle of open ones; return how many. Safe to call any number of times."""
    found = fetch_all(_YOUNGEST, {})
    for row in found:
        why = f"no turn of this circle could ever answer, and its youngest question fails: {row.circle}"
        with transaction.atomic():
            senders = refuse_asks([row.message], why, is_circle=True)
        pass_on(senders)
    return len(found)
