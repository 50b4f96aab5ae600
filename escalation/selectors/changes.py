"""Which tickets were changed since a moment, as they stand now: state, not history. Reads only.

A moment is a snapshot of PostgreSQL. A ticket is new to it when the transaction that wrote its row last does not show
in it, so one that commits late, behind others that began after it, is told as soon as it commits, and once.
Read next: docs/adr/0032-live-desk.md.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from escalation.selectors.presence import PRESENT_FOR

MOST_CHANGES: Final = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A ticket as it stands now: numbers, clocks and names."""

    id: int
    queue: int
    status: str
    due_at: datetime
    first_touch_due_at: datetime
    touched_at: datetime | None
    claimed_by: str | None
    claim_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at a ticket of a queue now."""

    id: int
    queue: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What changed. `is_whole`: False when there was too much to tell: whoever shows tickets asks for all anew."""

    snapshot: str
    changes: tuple[Change, ...]
    is_whole: bool


_CHANGES = """
WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot)
SELECT now.snapshot::text, t.* FROM now LEFT JOIN LATERAL (
    SELECT t.id, t.queue_id, t.status, t.due_at, t.first_touch_due_at, t.touched_at, u.username, t.claim_expires_at
    FROM escalation_ticket t LEFT JOIN auth_user u ON u.id = t.claimed_by_id
    WHERE t.changed_in >= pg_snapshot_xmin(%(known)s::pg_snapshot)::text::bigint
    AND NOT pg_visible_in_snapshot(t.changed_in::text::xid8, %(known)s::pg_snapshot)
    AND (t.queue_id = ANY(%(queues)s) OR t.id = ANY(%(tickets)s))
    LIMIT %(most)s
) t ON true
"""
_LOOKS = """
SELECT p.ticket_id, t.queue_id, array_agg(u.username ORDER BY u.username)
FROM escalation_presence p JOIN escalation_ticket t ON t.id = p.ticket_id JOIN auth_user u ON u.id = p.person_id
WHERE p.seen_at > clock_timestamp() - %(present)s
AND (t.queue_id = ANY(%(queues)s) OR t.id = ANY(%(tickets)s))
GROUP BY p.ticket_id, t.queue_id
"""


def read_moment() -> str:
    """Return this moment: whatever is committed later is new to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        return str(cursor.fetchone()[0])


def read_changes(moment: str, queue_ids: Collection[int], ticket_ids: Collection[int] = ()) -> News:
    """Return which tickets, of these queues or these, are new to a moment, and the moment to ask from next."""
    parameters: dict[str, Any] = {
        "known": moment,
        "queues": list(queue_ids),
        "tickets": list(ticket_ids),
        "most": MOST_CHANGES + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, parameters)
        rows = cursor.fetchall()
    changes = tuple(Change(*row[1:]) for row in rows if row[1] is not None)
    return News(rows[0][0], changes[:MOST_CHANGES], is_whole=len(changes) <= MOST_CHANGES)


def read_looks(queue_ids: Collection[int], ticket_ids: Collection[int] = ()) -> dict[int, Look]:
    """Return who looks at tickets, of these queues or these, now, by the ticket's number."""
    parameters: dict[str, Any] = {
        "queues": list(queue_ids),
        "tickets": list(ticket_ids),
        "present": PRESENT_FOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOOKS, parameters)
        return {number: Look(number, queue, tuple(names)) for number, queue, names in cursor.fetchall()}
