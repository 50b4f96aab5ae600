"""Worker processes come, beat, leave, and are found dead.

These statements run on the heartbeat's own connection, whose session holds the process's advisory lock; the
lock falls when the process dies, whatever else it was doing. The heart's process loads this file alone, so it must
import nothing of the project. Read next: `orchestration/worker/`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

LOCK_CLASS = 0x52_4D_01  # "RM", worker processes
LEADER_LOCK = (0x52_4D_02, 1)  # the maintainer that leads


@dataclass(frozen=True, slots=True)
class Presence:
    """What a worker process says of itself when it enters. `offers_json`: what it tells of its agents."""

    name: str
    host: str
    pid: int
    queues: list[str]
    agents: list[str]
    concurrency: int
    offers_json: str = ""


_ENTER = """
INSERT INTO orchestration_workerprocess (name, host, pid, queues, agents, offers_json, concurrency, busy, died)
VALUES (%(name)s, %(host)s, %(pid)s, %(queues)s, %(agents)s, %(offers)s, %(concurrency)s, 0, false) RETURNING id
"""
# The locks of all sessions of this database that hold a process's advisory lock.
_LOCK_HELD = f"""
EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND d.datname = current_database()
          AND l.classid = {LOCK_CLASS} AND l.objid = w.id::oid AND l.objsubid = 2 AND l.granted)
"""
# After PostgreSQL itself started all locks are free; they mean nothing until everybody had time to take theirs.
_LOCKS_MEAN_SOMETHING = "pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %(lease)s)"

_RETIRE_NAMESAKES = f"""
UPDATE orchestration_workerprocess w SET stopped_at = clock_timestamp(), died = true
WHERE w.name = %(name)s AND w.id <> %(id)s AND w.stopped_at IS NULL
  AND {_LOCKS_MEAN_SOMETHING} AND NOT {_LOCK_HELD}
"""


def enter_process(connection: psycopg.Connection[Any], presence: Presence, lease_seconds: float) -> int:
    """Write the row of a new process, take its lock, and retire dead processes of the same name.

    A namesake is retired only if its lock is free. Returns: the row's id.
    """
    [row] = connection.cursor(row_factory=dict_row).execute(_ENTER, _parameters(presence)).fetchall()
    process_id: int = row["id"]
    lock_process(connection, process_id)
    connection.execute(_RETIRE_NAMESAKES, {"name": presence.name, "id": process_id, "lease": lease_seconds})
    return process_id


def lock_process(connection: psycopg.Connection[Any], process_id: int) -> bool:
    """Take the process's advisory lock for as long as the session lives.

    Returns: False when a former session still holds it, e.g. behind a cut connection: it is asked for again with the
    next beat, since waiting would stop the beats.
    """
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s::int, %s::int)", (LOCK_CLASS, process_id)
    ).fetchone()
    return bool(row and row[0])


def unlock_process(connection: psycopg.Connection[Any], process_id: int) -> None:
    """Give back the lock of a process that died, or left, while its heart's session lives on."""
    connection.execute("SELECT pg_advisory_unlock(%s::int, %s::int)", (LOCK_CLASS, process_id))


_BEAT = """
UPDATE orchestration_workerprocess
SET beat_at = clock_timestamp(), busy = %(busy)s, hung = %(hung)s,
    agents = coalesce(%(agents)s::varchar[], agents), offers_json = coalesce(%(offers)s::text, offers_json),
    blocked_until = CASE WHEN blocked_at IS NOT NULL THEN coalesce(blocked_until, clock_timestamp()) END,
    last_claim_at = coalesce(%(last_claim_at)s::timestamptz, last_claim_at),
    newest_dispatch_at = coalesce(%(newest_dispatch_at)s::timestamptz, newest_dispatch_at)
WHERE id = %(id)s AND stopped_at IS NULL
RETURNING set_config('synchronous_commit', 'off', true)
"""


def beat(
    connection: psycopg.Connection[Any],
    process_id: int,
    *,
    busy: int,
    hung: int = 0,
    last_claim_at: datetime | None,
    newest_dispatch_at: datetime | None,
    agents: list[str] | None = None,
    offers_json: str | None = None,
) -> bool:
    """Renew the lease.

    Args: busy: steps in flight.  hung: threads that are lost to steps whose time is long over.
        agents, offers_json: that it performs now, and what it tells of them; None leaves what it said.
    Returns: False when the process was declared dead: it must enter anew.
    """
    parameters = {
        "id": process_id,
        "busy": busy,
        "hung": hung,
        "last_claim_at": last_claim_at,
        "newest_dispatch_at": newest_dispatch_at,
        "agents": agents,
        "offers": offers_json,
    }
    return connection.execute(_BEAT, parameters).fetchone() is not None


_BEAT_BLOCKED = """
UPDATE orchestration_workerprocess
SET beat_at = clock_timestamp(), blocked_by = %(by)s, blocked_until = NULL,
    blocked_at = clock_timestamp() - make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND stopped_at IS NULL
RETURNING set_config('synchronous_commit', 'off', true)
"""


def beat_blocked(
    connection: psycopg.Connection[Any], process_id: int, *, seconds: float, by: int | None
) -> bool:
    """Renew the lease of a process that lives and can do nothing: a step holds its interpreter.

    Args: seconds: for so long already.  by: that step; None when it can't be told.
    Returns: False when the process was declared dead.
    """
    parameters = {"id": process_id, "seconds": seconds, "by": by}
    return connection.execute(_BEAT_BLOCKED, parameters).fetchone() is not None


def leave_process(connection: psycopg.Connection[Any], process_id: int) -> None:
    """Note that a process stopped in order."""
    connection.execute(
        "UPDATE orchestration_workerprocess SET stopped_at = clock_timestamp(), busy = 0 "
        "WHERE id = %s AND stopped_at IS NULL",
        (process_id,),
    )


_RETIRE_DEAD = f"""
UPDATE orchestration_workerprocess w SET stopped_at = clock_timestamp(), died = true
WHERE w.stopped_at IS NULL AND (
    w.beat_at < clock_timestamp() - make_interval(secs => %(lease)s)
    OR (w.beat_at < clock_timestamp() - make_interval(secs => %(two_beats)s)
        AND {_LOCKS_MEAN_SOMETHING} AND NOT {_LOCK_HELD}))
RETURNING w.id
"""


def retire_dead(
    connection: psycopg.Connection[Any], *, lease_seconds: float, heartbeat_seconds: float
) -> list[int]:
    """Declare processes dead whose lease expired, or whose lock is free with two beats missed; return them."""
    parameters = {"lease": lease_seconds, "two_beats": 2 * heartbeat_seconds}
    return [row[0] for row in connection.execute(_RETIRE_DEAD, parameters).fetchall()]


def try_to_lead(connection: psycopg.Connection[Any]) -> bool:
    """Take the maintainer's lock for as long as the session lives; False when another leads."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", LEADER_LOCK).fetchone()
    return bool(row and row[0])


_NOTE_LEAD = """
INSERT INTO orchestration_lead AS l (id, host, pid, led_since, swept_at, left_at)
VALUES (1, %(host)s, %(pid)s, clock_timestamp(), clock_timestamp(), NULL)
ON CONFLICT (id) DO UPDATE SET swept_at = excluded.swept_at, host = excluded.host, pid = excluded.pid, left_at = NULL,
    led_since = CASE WHEN (l.host, l.pid) = (excluded.host, excluded.pid) AND l.left_at IS NULL THEN l.led_since
                     ELSE excluded.led_since END
RETURNING set_config('synchronous_commit', 'off', true)
"""


def note_lead(connection: psycopg.Connection[Any], host: str, pid: int) -> None:
    """Say that this maintainer leads and sweeps, for people to see; nothing is decided by it."""
    connection.execute(_NOTE_LEAD, {"host": host, "pid": pid})


def leave_lead(connection: psycopg.Connection[Any], host: str, pid: int) -> None:
    """Say that this maintainer stops in order, if it led."""
    connection.execute(
        "UPDATE orchestration_lead SET left_at = clock_timestamp() WHERE (host, pid) = (%s, %s)", (host, pid)
    )


def _parameters(presence: Presence) -> dict[str, Any]:
    return {
        "name": presence.name,
        "host": presence.host,
        "pid": presence.pid,
        "queues": presence.queues,
        "agents": presence.agents,
        "offers": presence.offers_json,
        "concurrency": presence.concurrency,
    }
