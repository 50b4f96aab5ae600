"""What is ordered for a run and all runs below it: cancel, end early, pause, resume.

A cancel takes the runs one by one, from the top down, each in a transaction of its own: where it breaks off, what is
left below are orphans, which the maintainer ends. A pause or a resume is one transaction.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import UndoPlanner
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus
from orchestration.history import EventKind, insert_event
from orchestration.selectors.left import Fate, find_fate, is_stray
from orchestration.transitions.end import abort_run
from orchestration.transitions.stop import cancel_run
from orchestration.transitions.tree import TreeRun, lock_run, lock_tree
from orchestration.transitions.vocabulary import ring

_MOVE = f"""
WITH moved AS (
    UPDATE orchestration_run SET status = %(target)s WHERE id = ANY(%(runs)s) AND status = %(source)s RETURNING id
), told AS ({insert_event("%(kind)s", source="moved", data="%(event)s::text", of_run=True)}
)
SELECT id FROM moved
"""
# Messages that came meanwhile were refused, and took with them the chord they belonged to.
_BREAK_CHORDS = """
UPDATE orchestration_step SET chord_intact = false WHERE run_id = ANY(%(runs)s) AND chord_intact RETURNING id
"""
_RING = f"""
UPDATE orchestration_step s SET {ring("s")}
WHERE s.id IN (SELECT id FROM orchestration_step WHERE run_id = ANY(%(runs)s) AND status = 'available'
             AND waits_for = '' ORDER BY depth DESC, position, id FOR NO KEY UPDATE)
  AND s.status = 'available' RETURNING s.id
"""


_UNAWAITED = "the run above it does not wait for it any more"


def end_orphan(run_id: UUID, signer: Signer, plan: UndoPlanner) -> list[int] | None:
    """Cancel one live run that nobody waits for; abort it where the run above it was aborted.

    Returns: the first compensation, to be dispatched; None when somebody waits for it, now that it is locked.
    """
    with transaction.atomic():
        lock_run(run_id)
        match find_fate(run_id):
            case None:
                return None
            case Fate.ABORT:
                return abort_run(run_id, _UNAWAITED, signer, plan)
            case Fate.CANCEL:
                event = canonical({"by": None, "reason": _UNAWAITED})
                cancel_run(run_id, _UNAWAITED, signer, event_json=event)
                return []


def pause_tree(run_id: UUID, *, event_json: str) -> list[TreeRun]:
    """Pause a run and all running ones below it; what goes on is finished, but nothing new is claimed.

    Returns: the tree as it was found.
    """
    with transaction.atomic():
        tree = lock_tree(run_id)
        _move(tree, RunStatus.RUNNING, RunStatus.PAUSED, EventKind.RUN_PAUSED, event_json)
    return tree


def pause_stray(run_id: UUID) -> bool:
    """Pause a child run that was born, or let go on, while the run above it was paused; look once it is locked."""
    with transaction.atomic():
        tree = lock_tree(run_id)
        if not is_stray(run_id):
            return False
        _move(tree, RunStatus.RUNNING, RunStatus.PAUSED, EventKind.RUN_PAUSED, _WITH_ABOVE)
        return True


_WITH_ABOVE = '{"by":null,"reason":"the run above it is paused"}'


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a resume did: the tree as it was found, and the steps to be dispatched."""

    tree: list[TreeRun]
    available: list[int]


def resume_tree(run_id: UUID, *, event_json: str) -> Resumed:
    """Let a paused run and all paused ones below it go on."""
    with transaction.atomic():
        tree = lock_tree(run_id)
        moved = _move(tree, RunStatus.PAUSED, RunStatus.RUNNING, EventKind.RUN_RESUMED, event_json)
        fetch_all(_BREAK_CHORDS, {"runs": moved})
        return Resumed(tree, [row.id for row in fetch_all(_RING, {"runs": moved})])


def _move(
    tree: list[TreeRun], source: RunStatus, target: RunStatus, kind: EventKind, event_json: str
) -> list[UUID]:
    runs = [run.run_id for run in tree]
    parameters = {"runs": runs, "source": source, "target": target, "kind": kind, "event": event_json}
    return [row.id for row in fetch_all(_MOVE, parameters)]
