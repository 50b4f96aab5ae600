"""What was left behind: steps of workers that are gone or past their deadline, child runs without anybody above.

Found without locks; who acts on it looks again. Read next: `orchestration/maintenance/`.
"""

from enum import StrEnum
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.states import RunStatus
from orchestration.domain.words import BY_CHILD_RUN, FINAL_STEP, LIVE, one_of

_UNTOLD = """
SELECT id FROM orchestration_run
WHERE untold AND {whose}
  AND CASE WHEN %(tree)s::uuid IS NULL THEN finished_at <= clock_timestamp() - make_interval(secs => %(patience)s)
           ELSE root_id = %(tree)s::uuid END
ORDER BY finished_at LIMIT %(limit)s
"""


_UNTOLD_CHILDREN = _UNTOLD.format(whose="parent_step_id IS NOT NULL")
_UNTOLD_TURNS = _UNTOLD.format(whose="actor_id IS NOT NULL")


def find_untold(patience_seconds: float, limit: int, tree: UUID | None = None) -> list[UUID]:
    """Return child runs that ended and whose parent's step was not told, as a crash or a cancel leaves them.

    Of one tree of runs, without patience.
    """
    rows = fetch_all(_UNTOLD_CHILDREN, {"patience": patience_seconds, "limit": limit, "tree": tree})
    return [row.id for row in rows]


def find_unsettled(patience_seconds: float, limit: int) -> list[UUID]:
    """Return turns of actors that ended and of which nobody was told, as a crash or a cancel leaves them."""
    rows = fetch_all(_UNTOLD_TURNS, {"patience": patience_seconds, "limit": limit, "tree": None})
    return [row.id for row in rows]


_STRANDED = """
SELECT s.id FROM orchestration_step s LEFT JOIN orchestration_workerprocess w ON w.id = s.process_id
WHERE s.status = 'running' AND (w.id IS NULL OR w.stopped_at IS NOT NULL) ORDER BY s.id LIMIT %(limit)s
"""
_OVERDUE = """
SELECT s.id FROM orchestration_step s
WHERE s.status = 'running' AND s.deadline_at < clock_timestamp() - make_interval(secs => %(grace)s)
ORDER BY s.id LIMIT %(limit)s
"""
_DIED = """
SELECT id FROM orchestration_workerprocess
WHERE died AND stopped_at > clock_timestamp() - make_interval(secs => %(seconds)s) ORDER BY id
"""


def find_died_since(seconds: float) -> list[int]:
    """Return the processes that were found dead in the last so many seconds."""
    return [row.id for row in fetch_all(_DIED, {"seconds": seconds})]


def find_stranded(limit: int) -> list[int]:
    """Return running steps whose worker process has left or was found dead."""
    return [row.id for row in fetch_all(_STRANDED, {"limit": limit})]


def find_overdue(grace_seconds: float, limit: int) -> list[int]:
    """Return running steps past their deadline and the grace, whatever their worker says."""
    return [row.id for row in fetch_all(_OVERDUE, {"grace": grace_seconds, "limit": limit})]


_ABORTED = one_of({RunStatus.FAILED, RunStatus.COMPENSATING})
# Nobody waits for it any more: what waited is over, or was sent back, or has started another since.
_IS_ORPHAN = f"""
    (r.status NOT IN {LIVE} OR p.status IN {FINAL_STEP} OR p.stage NOT IN {BY_CHILD_RUN}
     OR EXISTS (SELECT 1 FROM orchestration_run n
                WHERE n.parent_step_id = p.id AND n.parent_attempt > c.parent_attempt))
"""
# One whose run above was aborted is aborted too, so that it may undo what it did; that it does is left alone.
_WITH_ABOVE = """FROM orchestration_run c JOIN orchestration_step p ON p.id = c.parent_step_id
JOIN orchestration_run r ON r.id = p.run_id"""
_ORPHANS = f"""
SELECT c.id, r.status IN {_ABORTED} AS aborts
{_WITH_ABOVE}
WHERE c.status IN {LIVE} AND {_IS_ORPHAN} AND (%(only)s::uuid IS NULL OR c.id = %(only)s)
  AND NOT (c.status = 'compensating' AND r.status IN {_ABORTED})
  AND (%(root)s::uuid IS NULL OR c.root_id = %(root)s)
ORDER BY c.depth, c.id LIMIT %(limit)s
"""
_STRAY = f"""
SELECT c.id {_WITH_ABOVE}
WHERE c.status = 'running' AND r.status = 'paused' AND NOT {_IS_ORPHAN}
  AND (%(only)s::uuid IS NULL OR c.id = %(only)s)
ORDER BY c.depth, c.id LIMIT %(limit)s
"""


def find_orphans(limit: int, root_id: UUID | None = None) -> list[UUID]:
    """Return live runs that nobody waits for any more, of one tree or of all, those nearest the top first."""
    return [row.id for row in fetch_all(_ORPHANS, {"limit": limit, "root": root_id, "only": None})]


class Fate(StrEnum):
    """How an orphan ends."""

    CANCEL = "cancel"
    ABORT = "abort"


def find_fate(run_id: UUID) -> Fate | None:
    """Return how a live run that nobody waits for is to end; None: somebody does. Asked again once it is locked."""
    row = fetch_one(_ORPHANS, {"limit": 1, "root": None, "only": run_id})
    if row is None:
        return None
    return Fate.ABORT if row.aborts else Fate.CANCEL


def find_unpaused(limit: int) -> list[UUID]:
    """Return runs that go on although the run above them is paused."""
    return [row.id for row in fetch_all(_STRAY, {"limit": limit, "only": None})]


def is_stray(run_id: UUID) -> bool:
    """Return whether a run goes on under a paused one; asked again once it is locked."""
    return bool(fetch_all(_STRAY, {"limit": 1, "only": run_id}))
