"""What an answer would do is done: written in the transaction in which a person accepts it as it stands.

The maintainer's next sweep routes the messages.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestration.database.lines import dump_line
from orchestration.database.statements import fetch_one
from orchestration.domain.work import HeldStep
from orchestration.memory.vectors import insert_vectors
from orchestration.outgoing import PENDING
from orchestration.selectors.pending import Pending
from orchestration.transitions.ending import EFFECTS, OF_FINISH, list_parts

_ACCEPTED: Final = tuple(effect for effect in (*EFFECTS, *OF_FINISH) if effect is not PENDING)
_WRITE: Final = f"""
WITH done AS MATERIALIZED (
    SELECT s.id, s.run_id, a.id AS attempt_id, %(now)s::timestamptz AS now, %(effects)s::json AS effects
    FROM orchestration_step s JOIN orchestration_attempt a ON a.step_id = s.id AND a.number = %(attempt)s
    WHERE s.id = %(step)s
), {", ".join(f"{part.name} AS ({part.sql})" for effect in _ACCEPTED for part in list_parts(effect))}
SELECT count(*) AS number FROM done
"""


def write_pending(
    held: HeldStep, pending: Pending, effects: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Do what the held answer of a step would do. The caller holds the step.

    Args: effects: those that are pending; what is remembered is numbered.
    """
    about = {"step": held.step_id, "attempt": pending.attempt, "now": held.now}
    fetch_one(_WRITE, about | {"effects": dump_line(dict(effects))})
    insert_vectors(pending.embedded)
