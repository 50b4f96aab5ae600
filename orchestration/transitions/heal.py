"""What the maintainer moves: due retries wake, lost messages are sent again, forgotten releases are found."""

from uuid import UUID

from orchestration.database.statements import fetch_all
from orchestration.domain.waits import WaitsFor
from orchestration.domain.words import GOES_ON
from orchestration.history import EventKind
from orchestration.transitions.release import NOTHING_OPEN_BEFORE, SOMETHING_WAITS, WAITS_FOR_STEPS
from orchestration.transitions.vocabulary import ring_chosen

_WAKE = ring_chosen(
    f"""chosen AS (
    SELECT s.id FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.status = 'retryable' AND r.status IN {GOES_ON}
      AND (s.due_at <= clock_timestamp() OR r.root_id = %(whole_run)s::uuid)
    ORDER BY s.due_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)""",
    sets="status = 'available', due_at = NULL",
    event=EventKind.STEP_WOKEN,
)


def wake_due_steps(limit: int) -> list[int]:
    """Move retryable steps whose time has come to `available` and return them."""
    return [row.id for row in fetch_all(_WAKE, {"limit": limit, "whole_run": None})]


def wake_now(run_id: UUID) -> list[int]:
    """Move all retryable steps of one run to `available`, whatever their time; for tests that don't wait."""
    return [row.id for row in fetch_all(_WAKE, {"limit": 1_000, "whole_run": run_id})]


_MAY_BE_LOST = f"s.status = 'available' AND s.waits_for = '' AND r.status IN {GOES_ON}"
# A step was overtaken when a step rung for `patience` later on the same queue was claimed from its message.
# On a quiet queue nothing overtakes: there a lost message shows by an idle worker that claimed nothing lately.
# Each ring that nobody answered makes the next one wait longer: a deaf worker's queue must not fill with copies.
_RING_LOST = ring_chosen(
    f"""present AS (
    SELECT q.queue, max(w.newest_dispatch_at) AS newest, max(w.last_claim_at) AS last_claim,
           bool_or(w.busy < w.concurrency) AS idle
    FROM orchestration_workerprocess w CROSS JOIN LATERAL unnest(w.queues) AS q(queue)
    WHERE w.stopped_at IS NULL GROUP BY q.queue
), chosen AS (
    SELECT s.id FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    JOIN present p ON p.queue = s.queue
    WHERE {_MAY_BE_LOST}
      AND s.dispatched_at < clock_timestamp()
          - make_interval(secs => %(patience)s * greatest(s.dispatches - s.attempt, 1))
      AND (s.dispatched_at < p.newest - make_interval(secs => %(patience)s)
           OR (p.idle AND (p.last_claim IS NULL
               OR p.last_claim < clock_timestamp() - make_interval(secs => %(patience)s))))
    ORDER BY s.dispatched_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)""",
    sets="chord_intact = false",
    event=EventKind.STEP_RUNG_AGAIN,
    breaks=True,
)


def ring_lost_steps(patience_seconds: float, limit: int) -> list[int]:
    """Find available steps whose message must be lost, count a new dispatch, and return them."""
    return [row.id for row in fetch_all(_RING_LOST, {"patience": patience_seconds, "limit": limit})]


_RING_LEFT = f"""
WITH unrung AS (
    SELECT s.id FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.waits_for = %(unrung)s AND s.status = 'available' AND r.status IN {GOES_ON}
    ORDER BY s.id LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)
UPDATE orchestration_step s SET waits_for = '', dispatched_at = clock_timestamp()
FROM unrung u WHERE s.id = u.id RETURNING s.id
"""


def ring_left_steps(limit: int) -> list[int]:
    """Return steps that were left unrung when very many became available at once; they must be sent now."""
    return sorted(row.id for row in fetch_all(_RING_LEFT, {"unrung": WaitsFor.RING, "limit": limit}))


_RING_SUSPECTS = ring_chosen(
    f"""chosen AS (
    SELECT s.id FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    JOIN orchestration_workerprocess w ON w.id = %(process)s
    WHERE {_MAY_BE_LOST} AND s.queue = ANY(w.queues)
      AND s.dispatched_at < w.stopped_at AND s.dispatched_at > w.beat_at - make_interval(secs => %(window)s)
    ORDER BY s.dispatched_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)""",
    sets="chord_intact = false",
    event=EventKind.STEP_RUNG_AGAIN,
    breaks=True,
)


def ring_suspects_of(process_id: int, window_seconds: float, limit: int) -> list[int]:
    """Send again what a dead process may have taken from the broker without claiming it.

    Only steps rung shortly before its last beat: what lies longer in the queue is merely queued.
    """
    rows = fetch_all(_RING_SUSPECTS, {"process": process_id, "window": window_seconds, "limit": limit})
    return [row.id for row in rows]


_UNRELEASED = f"""
SELECT s.id FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
WHERE s.unreleased AND r.status IN {GOES_ON}
  AND CASE WHEN %(tree)s::uuid IS NULL THEN s.finished_at <= clock_timestamp() - make_interval(secs => %(patience)s)
           ELSE r.root_id = %(tree)s::uuid END
  AND (EXISTS (SELECT 1 FROM orchestration_edge e JOIN orchestration_step j ON j.id = e.successor_id
               WHERE e.predecessor_id = s.id AND {WAITS_FOR_STEPS} AND {NOTHING_OPEN_BEFORE})
       OR NOT {SOMETHING_WAITS})
ORDER BY s.id LIMIT %(limit)s
"""


def find_unreleased(patience_seconds: float, limit: int, tree: UUID | None = None) -> list[int]:
    """Return done steps whose release was begun by nobody, or broken off; of one tree of runs, without patience."""
    rows = fetch_all(_UNRELEASED, {"patience": patience_seconds, "limit": limit, "tree": tree})
    return [row.id for row in rows]


_WAKE_KNOWN = ring_chosen(
    f"""chosen AS (
    SELECT s.id FROM orchestration_step s
    WHERE s.status = 'available' AND s.waits_for = '{WaitsFor.AGENT}' AND EXISTS (
        SELECT 1 FROM orchestration_workerprocess w
        WHERE w.stopped_at IS NULL AND s.queue = ANY(w.queues) AND s.agent = ANY(w.agents))
    FOR UPDATE OF s SKIP LOCKED
)""",
    sets="waits_for = ''",
)


def wake_known_agents() -> list[int]:
    """Return steps that waited for an agent that a present worker knows now; they must be sent."""
    return [row.id for row in fetch_all(_WAKE_KNOWN, {})]


# One person is asked for the whole run that is past its deadline; once that step is not held any more, all go on.
_WAKE_ANSWERED = ring_chosen(
    f"""chosen AS (
    SELECT s.id FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.waits_for = '{WaitsFor.DEADLINE}' AND s.status = 'available' AND r.status = 'running'
      AND NOT EXISTS (SELECT 1 FROM orchestration_decision d JOIN orchestration_step h ON h.id = d.step_id
                      WHERE d.run_id = s.run_id AND d.rule = 'run_deadline' AND h.status = 'held')
    FOR UPDATE OF s SKIP LOCKED
)""",
    sets="waits_for = ''",
)


def wake_answered_deadlines() -> list[int]:
    """Return steps that waited for a person to say if their run goes on past its deadline; they must be sent."""
    return [row.id for row in fetch_all(_WAKE_ANSWERED, {})]
