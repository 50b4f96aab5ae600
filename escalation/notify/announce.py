"""The one writer of notices."""

import json
import uuid
from collections.abc import Iterable
from typing import Any, Final

from escalation.domain.notices import MOST_KEY, Happening, identify_notice, name_recipient
from escalation.models import ReviewQueue, Ticket
from orchestration.database.statements import fetch_all

# Two who announce the same at once: the second waits for the first, and then finds that nothing is left to write.
_ANNOUNCE: Final = """
INSERT INTO escalation_notice (id, key, happening, level, ticket_id, queue_id, person_id, channel, data_json)
SELECT id, %(key)s::text, %(happening)s::text, %(level)s::int, %(ticket)s::bigint, %(queue)s::bigint, person, channel,
    %(data)s::text
FROM json_to_recordset(%(recipients)s::json) AS r(id uuid, person bigint, channel text)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id
"""


def announce(
    happening: Happening,
    *,
    key: str,
    ticket: Ticket | None = None,
    queue: ReviewQueue | None = None,
    people: Iterable[int] = (),
    channels: Iterable[str] = (),
    to_queue: bool = False,
    level: int = 0,
    **data: Any,
) -> list[uuid.UUID]:
    """Tell recipients that something happened, in the caller's transaction; none of them is told it again.

    Args:
        key: what is told, at most 200 characters, e.g. `breach:17:resolution` or `level:17:2:3` (the third reminder).
        ticket: what it is about; its queue is told along.  queue: of what is about no ticket.
        people: ids of accounts.  channels: by name, as RINGMASTER["CHANNELS"] has them.
        to_queue: tell the channels that the queue has chosen for this.
        level: of escalation.  data: JSON values that say the rest, e.g. deadline="resolution", percent=75.

    Returns:
        ids of the new notices: one a recipient; none for those who were told.

    Raises: ValueError: the key is empty or too long.
    """
    if not 0 < len(key) <= MOST_KEY:
        raise ValueError(f"key: 1 to {MOST_KEY} characters, this has {len(key)}")
    pairs: set[tuple[int | None, str]] = {(person, "") for person in people}
    pairs |= {(None, channel) for channel in channels if channel}
    pairs |= {(None, "")} if to_queue else set()
    recipients = [
        {
            "id": str(identify_notice(key, name_recipient(person, channel))),
            "person": person,
            "channel": channel,
        }
        for person, channel in pairs
    ]
    if not recipients:
        return []
    values = {
        "key": key,
        "happening": happening.value,
        "level": level,
        "ticket": ticket.pk if ticket else None,
        "queue": ticket.queue_id if ticket else (queue.pk if queue else None),
        "data": json.dumps(data, sort_keys=True, default=str),
        "recipients": json.dumps(recipients),
    }
    return [row.id for row in fetch_all(_ANNOUNCE, values)]
