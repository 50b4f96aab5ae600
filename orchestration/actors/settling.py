"""The end of a turn: what became of its messages is written, who asked gets an answer, and the next turn starts.

The run's mark `untold` says that this is still to be done. All of it is one transaction under the actor's row, with
the beginning of the next turn where mail waits; the routing of the answers follows its commit.
"""

from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction

from agents.domain.canonical import canonical_json
from agents.domain.classification import describe_error
from agents.domain.outbox import MOST_BODY_BYTES
from agents.errors import UnreadableOutput
from orchestration.actors.replies import refuse_asks, reply_to_asks
from orchestration.actors.routing import route
from orchestration.actors.turns import begin_next, start_turns
from orchestration.database.statements import fetch_one
from orchestration.dispatch import dispatch
from orchestration.domain.states import RunStatus
from orchestration.selectors.trees import find_result, read_last_outputs
from orchestration.transitions.turn import SETTLE

log = structlog.get_logger(__name__)

# Its actor is held until the transaction ends, as by whoever starts a turn, or orders a retry.
_ENDED: Final = """
SELECT a.id, a.project_id, a.name, a.key, a.turns, a.stopped_at IS NOT NULL AS is_stopped
FROM orchestration_run r JOIN orchestration_actor a ON a.id = r.actor_id
WHERE r.id = %(run)s AND r.untold FOR NO KEY UPDATE OF a
"""
# What became of its messages, and which of them ask and have no answer yet.
_SETTLED: Final = f"""
WITH settled AS ({SETTLE}
), closed AS (
    UPDATE orchestration_delivery d SET ended_at = clock_timestamp(),
        state = CASE WHEN s.status = 'succeeded' THEN 'done' ELSE 'dead' END,
        reason = CASE WHEN s.status = 'succeeded' THEN '' ELSE left('turn ' || s.id || ' has ' || s.status || ': '
            || coalesce(nullif(s.reason, ''), 'no reason was given'), 2000) END
    FROM settled s WHERE d.run_id = s.id RETURNING d.message_id, d.reason
)
SELECT s.id, s.status, max(c.reason) AS reason,
    coalesce(array_agg(m.id ORDER BY m.id) FILTER (WHERE m.id IS NOT NULL), '{{}}') AS asks
FROM settled s LEFT JOIN closed c ON true
LEFT JOIN orchestration_message m ON m.id = c.message_id AND m.asked_by_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM orchestration_message a WHERE a.answers_id = m.id)
GROUP BY s.id, s.status
"""


def settle_turn(run_id: UUID) -> bool:
    """Settle a turn that has ended and start the next one; return False where there is nothing to settle.

    Safe to call any number of times, by anybody.
    """
    try:
        return _settle(run_id, goes_on=True)
    except Exception as error:  # noqa: BLE001 - it may be what comes next that can't begin: this turn shall end all the same
        log.warning("not_settled", run=str(run_id), error=describe_error(error), next="it is settled alone")
    return _settle(run_id, goes_on=False)


def _settle(run_id: UUID, *, goes_on: bool) -> bool:
    """Settle a turn, and in the same transaction begin the next where mail waits."""
    with transaction.atomic():
        actor = fetch_one(_ENDED, {"run": run_id})
        # Looked at again: it may have been retried meanwhile, which holds the actor too, and have ended otherwise.
        ended = None if actor is None else fetch_one(_SETTLED, {"run": run_id})
        if ended is None:
            return False
        senders = _answer(ended)
        turn = begin_next(actor) if goes_on else None
        if turn is None:
            # A message that came meanwhile found the actor busy, and was not seen here.
            transaction.on_commit(lambda: start_turns([actor.id]))
    for project_id, sender in sorted(senders):
        route(project_id, sender)
    if turn is not None:
        dispatch(list(turn.available))
    return True


def _answer(ended: Any) -> set[tuple[int, str]]:
    """Answer who asked by a turn's messages and has no answer yet; return whose messages are to be routed."""
    if not ended.asks:
        return set()
    answer = _find_answer(ended.id) if ended.status == RunStatus.SUCCEEDED else None
    if answer is not None:
        return reply_to_asks(ended.asks, answer, ended.id)
    return refuse_asks(
        ended.asks, ended.reason or f"the answer of turn {ended.id} is too large for a message"
    )


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
