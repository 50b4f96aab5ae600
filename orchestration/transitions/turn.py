"""What is written of a run because it is a turn of an actor. Read next: `orchestration/actors/`."""

from typing import Final
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.words import LIVE

_SETTLED: Final = """
UPDATE orchestration_run SET untold = false WHERE id = %(run)s AND untold AND actor_id IS NOT NULL RETURNING id
"""
# Its messages are dead letters for now: when the parked turn ends well they are done all the same.
_PARK: Final = f"""
WITH parked AS (
    UPDATE orchestration_run r SET is_parked = true
    WHERE r.actor_id = %(actor)s AND NOT r.is_parked AND r.status IN {LIVE}
      AND EXISTS (SELECT 1 FROM orchestration_step s WHERE s.run_id = r.id AND s.status = 'held') RETURNING r.id
)
UPDATE orchestration_delivery d SET state = 'dead', reason = 'its turn waits for a person, and was parked',
    ended_at = clock_timestamp() FROM parked p WHERE d.run_id = p.id RETURNING p.id
"""


def note_settled(run_id: UUID) -> bool:
    """Take the mark from a turn that has ended; False: somebody else has. The caller holds the actor's row."""
    return fetch_one(_SETTLED, {"run": run_id}) is not None


def park_turn(actor_id: int) -> UUID | None:
    """Let an actor's turn that waits for a person be; None: none does. The caller holds the actor's row."""
    rows = fetch_all(_PARK, {"actor": actor_id})
    return rows[0].id if rows else None
