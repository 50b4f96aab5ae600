"""What is written of a run because it is a turn of an actor. Read next: `orchestration/actors/`."""

from typing import Any, Final
from uuid import UUID

from orchestration.database.statements import fetch_one
from orchestration.domain.words import LIVE, waits_for_a_person

# What became of its messages, and which of them ask and have no answer yet.
_SETTLED: Final = """
WITH settled AS (
    UPDATE orchestration_run SET untold = false WHERE id = %(run)s AND untold AND actor_id IS NOT NULL
    RETURNING id, status, reason
), closed AS (
    UPDATE orchestration_delivery d SET ended_at = clock_timestamp(),
        state = CASE WHEN s.status = 'succeeded' THEN 'done' ELSE 'dead' END,
        reason = CASE WHEN s.status = 'succeeded' THEN '' ELSE left('turn ' || s.id || ' has ' || s.status || ': '
            || coalesce(nullif(s.reason, ''), 'no reason was given'), 2000) END
    FROM settled s WHERE d.run_id = s.id RETURNING d.message_id, d.reason
)
SELECT s.id, s.status, max(c.reason) AS reason,
    coalesce(array_agg(m.id ORDER BY m.id) FILTER (WHERE m.id IS NOT NULL), '{}') AS asks
FROM settled s LEFT JOIN closed c ON true
LEFT JOIN orchestration_message m ON m.id = c.message_id AND m.asked_by_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM orchestration_message a WHERE a.answers_id = m.id)
GROUP BY s.id, s.status
"""
_PARK: Final = f"""
UPDATE orchestration_run r SET is_parked = true
WHERE r.actor_id = %(actor)s AND NOT r.is_parked AND r.status IN {LIVE} AND {waits_for_a_person("r")} RETURNING r.id
"""


def note_settled(run_id: UUID) -> Any:
    """Take the mark from a turn that has ended, and write what became of its messages; None: somebody else has.

    The caller holds the actor's row.

    Returns: how it ended, and the messages of it that ask and have no answer.
    """
    return fetch_one(_SETTLED, {"run": run_id})


def park_turn(actor_id: int) -> UUID | None:
    """Let an actor's turn that waits for a person be; None: none does.

    The caller holds the actor's row, and writes what becomes of the turn's messages.
    """
    parked = fetch_one(_PARK, {"actor": actor_id})
    return None if parked is None else parked.id
