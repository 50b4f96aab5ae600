"""The end of a turn: what became of its messages is written, who asked gets an answer, and the next turn starts.

The run's mark `untold` says that this is still to be done. All of it is one transaction under the actor's row; the
routing of the answers, and the next turn, follow its commit.
"""

from typing import Any, Final
from uuid import UUID

from django.db import transaction

from agents.domain.canonical import canonical_json
from agents.domain.outbox import MOST_BODY_BYTES
from agents.errors import UnreadableOutput
from orchestration.actors.replies import refuse_asks, reply_to_asks
from orchestration.actors.routing import route
from orchestration.actors.turns import lock_actor, start_turns
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.states import RunStatus
from orchestration.selectors.trees import find_result, read_last_outputs
from orchestration.transitions.turn import note_settled

_ENDED: Final = """
SELECT r.id, r.actor_id, r.status, r.reason FROM orchestration_run r
WHERE r.id = %(run)s AND r.untold AND r.actor_id IS NOT NULL
"""
_CLOSE: Final = """
UPDATE orchestration_delivery SET state = %(state)s, reason = %(reason)s, ended_at = clock_timestamp()
WHERE run_id = %(run)s RETURNING message_id
"""


def settle_turn(run_id: UUID) -> bool:
    """Settle a turn that has ended and start the next one; return False where there is nothing to settle.

    Safe to call any number of times, by anybody.
    """
    known = fetch_one(_ENDED, {"run": run_id})
    if known is None:
        return False
    with transaction.atomic():
        lock_actor(known.actor_id)
        # Looked at again: it may have been retried meanwhile, which holds the actor too, and have ended otherwise.
        ended = fetch_one(_ENDED, {"run": run_id})
        if ended is None or not note_settled(run_id):
            return False
        senders = _close(ended, _find_answer(run_id) if ended.status == RunStatus.SUCCEEDED else None)
    for project_id, sender in sorted(senders):
        route(project_id, sender)
    start_turns([known.actor_id])
    return True


def _close(ended: Any, answer: str | None) -> set[tuple[int, str]]:
    """Write what became of a turn's messages and say it to who asked; return whose messages are to be routed."""
    succeeded = ended.status == RunStatus.SUCCEEDED
    reason = (
        "" if succeeded else f"turn {ended.id} has {ended.status}: {ended.reason or 'no reason was given'}"
    )
    state = "done" if succeeded else "dead"
    messages = [
        row.message_id
        for row in fetch_all(_CLOSE, {"run": ended.id, "state": state, "reason": reason[:2000]})
    ]
    if answer is not None:
        return reply_to_asks(messages, answer, ended.id)
    why = reason or f"the answer of turn {ended.id} is too large for a message"
    return refuse_asks(messages, why)


def _find_answer(run_id: UUID) -> str | None:
    """Return what a turn puts out, as canonical JSON: its result, or what its only last step gave; None: too large."""
    result = find_result(run_id)
    if result is not None and result.output_json is not None:
        return result.output_json if len(result.output_json.encode()) <= MOST_BODY_BYTES else None
    last = read_last_outputs(run_id)
    value = next(iter(last.values())) if len(last) == 1 else last
    try:
        return canonical_json(value, max_bytes=MOST_BODY_BYTES)
    except UnreadableOutput:
        return None
