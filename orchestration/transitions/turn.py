"""What is written of a run because it is a turn of an actor. Read next: `orchestration/actors/`."""

from typing import Final
from uuid import UUID

from orchestration.database.statements import fetch_one
from orchestration.domain.words import LIVE, waits_for_a_person

SETTLE: Final = """
    UPDATE orchestration_run SET untold = false WHERE id = %(run)s AND untold AND actor_id IS NOT NULL
    RETURNING id, status, reason"""
"""Takes the mark from a turn that has ended; without a row somebody else has. Who runs it holds the actor's row."""
_PARK: Final = f"""
UPDATE orchestration_run r SET is_parked = true
WHERE r.actor_id = %(actor)s AND NOT r.is_parked AND r.status IN {LIVE} AND {waits_for_a_person("r")} RETURNING r.id
"""


def park_turn(actor_id: int) -> UUID | None:
    """Let an actor's turn that waits for a person be; None: none does.

    The caller holds the actor's row, and writes what becomes of the turn's messages.
    """
    parked = fetch_one(_PARK, {"actor": actor_id})
    return None if parked is None else parked.id
