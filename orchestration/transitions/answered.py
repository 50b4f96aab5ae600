"""waiting -> available: a step goes on of whose waits one was answered, by a statement of its own after that commit.

Who suspends a step looks after its own commit too: one of the two sees what the other did.
"""

from typing import Final

from orchestration.database.statements import fetch_all
from orchestration.domain.words import BY_ANSWER, FINAL_STEP
from orchestration.history import EventKind
from orchestration.transitions.vocabulary import ring_chosen

_WAITING: Final = f"s.status = 'waiting' AND s.stage IN {BY_ANSWER}"
_WAKE: Final = ring_chosen(
    f"""chosen AS (
    SELECT s.id FROM orchestration_step s WHERE s.id = ANY(%(steps)s::bigint[]) AND {_WAITING}
      AND EXISTS (SELECT 1 FROM orchestration_call c WHERE c.step_id = s.id AND c.unread AND c.journal = s.renewals)
)""",
    sets="status = 'available', stage = ''",
    guard=_WAITING,
    event=EventKind.STEP_WOKEN,
)


def wake_answered(step_ids: list[int]) -> list[int]:
    """Make steps available of whose waits one was answered since their last attempt; return them, to be rung for."""
    return [row.id for row in fetch_all(_WAKE, {"steps": step_ids})] if step_ids else []


# Only such as can go on: answers of steps that people hold are read later, and must not stand before others.
_UNREAD: Final = f"""
SELECT DISTINCT s.id FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id
WHERE c.unread AND c.journal = s.renewals AND {_WAITING} ORDER BY s.id LIMIT %(limit)s
"""
# Of a step that has ended, or does its work anew, nobody reads the answer any more.
_FORGET: Final = f"""
UPDATE orchestration_call c SET unread = false FROM orchestration_step s
WHERE c.unread AND s.id = c.step_id AND (c.journal <> s.renewals OR s.status IN {FINAL_STEP}) RETURNING c.id
"""


def wake_forgotten(limit: int) -> list[int]:
    """Wake steps whose answer came without anybody's waking them, as a crash may leave them."""
    fetch_all(_FORGET, {})
    return wake_answered([row.id for row in fetch_all(_UNREAD, {"limit": limit})])
