"""What was left behind: steps of workers that are gone, steps past their deadline, child runs that told nobody.

Found without locks; who acts on it looks again. Read next: `orchestration/maintenance/`.
"""

from uuid import UUID

from orchestration.database.statements import fetch_all

_UNTOLD = """
SELECT id FROM orchestration_run
WHERE untold
  AND CASE WHEN %(tree)s::uuid IS NULL THEN finished_at <= clock_timestamp() - make_interval(secs => %(patience)s)
           ELSE root_id = %(tree)s::uuid END
ORDER BY finished_at LIMIT %(limit)s
"""


def find_untold(patience_seconds: float, limit: int, tree: UUID | None = None) -> list[UUID]:
    """Return child runs that ended and whose parent's step was not told, as a crash or a cancel leaves them.

    Of one tree of runs, without patience.
    """
    rows = fetch_all(_UNTOLD, {"patience": patience_seconds, "limit": limit, "tree": tree})
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
