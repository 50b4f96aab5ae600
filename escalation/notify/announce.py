"""The one writer of notices."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from escalation.domain.notices import MOST_KEY, Happening, identify_notice, name_recipient
from escalation.models import ReviewQueue, Ticket
from orchestration.database.statements import fetch_all

# Two who announce the same at once: the second waits for the first, and then finds that nothing is left to write.
_ANNOUNCE: Final = """
INSERT INTO escalation_notice (id, key, happening, level, ticket_id, queue_id, person_id, channel, data_json)
SELECT id, key, happening, level, ticket, queue, person, channel, data
FROM json_to_recordset(%(recipients)s::json) AS r(id uuid, key text, happening text, level int, ticket bigint,
    queue bigint, person bigint, channel text, data text)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something that recipients are told.

    Attributes:
        key: what is told, at most 200 characters, e.g. `breach:17:resolution` or `level:17:2:3` (the third reminder).
        ticket: what it is about; its queue is told along.  queue: of what is about no ticket.
        people: ids of accounts.  channels: by name, as RINGMASTER["CHANNELS"] has them.
        to_queue: tell the channels that the queue has chosen for this.
        level: of escalation.  data: JSON values that say the rest, e.g. deadline and percent.
    """

    happening: Happening
    key: str
    ticket: Ticket | None = None
    queue: ReviewQueue | None = None
    people: Iterable[int] = ()
    channels: Iterable[str] = ()
    to_queue: bool = False
    level: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


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

    Args: as `Announcement` says.

    Returns:
        ids of the new notices: one a recipient; none for those who were told.

    Raises: ValueError: the key is empty or too long.
    """
    return announce_all(
        [Announcement(happening, key, ticket, queue, people, channels, to_queue, level, data)]
    )


def announce_all(said: Iterable[Announcement]) -> list[uuid.UUID]:
    """Tell much at once, in one statement; as `announce`."""
    recipients = [row for one in said for row in _list_recipients(one)]
    if not recipients:
        return []
    return [row.id for row in fetch_all(_ANNOUNCE, {"recipients": json.dumps(recipients)})]


def _list_recipients(said: Announcement) -> Iterator[dict[str, Any]]:
    if not 0 < len(said.key) <= MOST_KEY:
        raise ValueError(f"key: 1 to {MOST_KEY} characters, this has {len(said.key)}")
    pairs: set[tuple[int | None, str]] = {(person, "") for person in said.people}
    pairs |= {(None, channel) for channel in said.channels if channel}
    pairs |= {(None, "")} if said.to_queue else set()
    told = {
        "key": said.key,
        "happening": said.happening.value,
        "level": said.level,
        "ticket": said.ticket.pk if said.ticket else None,
        "queue": said.ticket.queue_id if said.ticket else (said.queue.pk if said.queue else None),
        "data": json.dumps(said.data, sort_keys=True, default=str),
    }
    for person, channel in pairs:
        notice = identify_notice(said.key, name_recipient(person, channel))
        yield {**told, "id": str(notice), "person": person, "channel": channel}
