"""What an answer would do is done: written in the transaction in which a person accepts it as it stands.

The maintainer's next sweep routes the messages.
"""

from typing import Final

from orchestration.database.statements import fetch_one
from orchestration.domain.work import HeldStep
from orchestration.outgoing import PENDING
from orchestration.transitions.ending import EFFECTS

_ACCEPTED: Final = tuple(effect for effect in EFFECTS if effect is not PENDING)
_WRITE: Final = f"""
WITH done AS MATERIALIZED (
    SELECT s.id, s.run_id, a.id AS attempt_id, %(now)s::timestamptz AS now, p.effects_json::json AS effects
    FROM orchestration_pendingeffects p JOIN orchestration_step s ON s.id = p.step_id
    JOIN orchestration_attempt a ON a.step_id = s.id AND a.number = p.attempt
    WHERE p.step_id = %(step)s AND p.revision = %(revision)s ORDER BY p.id DESC LIMIT 1
), {", ".join(f"{effect.name} AS ({effect.statement})" for effect in _ACCEPTED)}
SELECT count(*) AS number FROM done
"""


def write_pending(held: HeldStep) -> None:
    """Do what the held answer of a step would do, if anything. The caller holds the step."""
    fetch_one(_WRITE, {"step": held.step_id, "revision": held.revision, "now": held.now})
