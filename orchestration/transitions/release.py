"""After the commit of a finish: make joins available, or close the run, and clear the `unreleased` marks.

A finished step keeps its mark until nothing behind it waits any more. Every finisher looks, which writes nothing;
the one that finds a join ready (the last of two simultaneous finishers always sees the other's commit) releases it
and clears the marks before it, in one transaction. A crash in between leaves marks that the maintainer sweeps.
These transactions commit asynchronously: losing one with the database's last moments leaves the marks too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus
from orchestration.domain.words import BY_CHILD_RUN, BY_CHILDREN, COLLECTS, FINAL_STEP, LIVE
from orchestration.domain.work import Claim, Released
from orchestration.history import EventKind, insert_event
from orchestration.transitions.seal import close_run
from orchestration.transitions.vocabulary import nothing_open_before, ring

NOTHING_OPEN_BEFORE = nothing_open_before("j")
# After a wait for the join's lock its new row is looked at, but what stands before it as this statement first saw it:
# a join that was reset by a rework meanwhile must not start on predecessors that were reset with it.
NOT_RESET_MEANWHILE = "j.revision = (SELECT o.revision FROM orchestration_step o WHERE o.id = j.id)"
# A step that waits for a child run is not released by steps.
WAITS_FOR_STEPS = f"(j.status = 'pending' OR (j.status = 'waiting' AND j.stage IN {BY_CHILDREN}))"
SOMETHING_WAITS = f"""
    EXISTS (SELECT 1 FROM orchestration_edge e WHERE e.predecessor_id = s.id
        AND (SELECT {WAITS_FOR_STEPS} FROM orchestration_step j WHERE j.id = e.successor_id))
"""
# OFFSET 0: runs and successors are looked up by their keys, however small the tables were when this was planned.
# Without it, a plan made for empty tables looked at all edges for each step there is: minutes for some hundreds.
_LOOK = f"""
SELECT s.id AS step_id, s.run_id, array(
        SELECT j.id FROM orchestration_edge e CROSS JOIN LATERAL (
            SELECT n.id, n.status, n.stage FROM orchestration_step n WHERE n.id = e.successor_id OFFSET 0) j
        WHERE e.predecessor_id = s.id AND {WAITS_FOR_STEPS} AND {NOTHING_OPEN_BEFORE}) AS ready,
    NOT {SOMETHING_WAITS} AS nothing_waits,
    r.status AS run_status, r.reason AS run_reason, r.parent_step_id IS NOT NULL AS is_child,
    NOT EXISTS (SELECT 1 FROM orchestration_edge e WHERE e.predecessor_id = s.id)
    AND NOT EXISTS (SELECT 1 FROM orchestration_step o WHERE o.run_id = s.run_id
        AND o.status NOT IN {FINAL_STEP}) AS run_ended
FROM orchestration_step s CROSS JOIN LATERAL (
    SELECT status, reason, parent_step_id FROM orchestration_run WHERE id = s.run_id OFFSET 0) r
WHERE s.id = ANY(%(steps)s::bigint[]) AND s.unreleased
"""


@dataclass(frozen=True, slots=True)
class Behind:
    """What one look found behind a done step.

    Attributes: ready: joins to release.  ends_run: nothing is open in its run any more, which is to be closed.
        is_child: another run waits for this one.  nothing_waits: the step's own mark can go.
    """

    run_id: UUID
    run_status: RunStatus
    run_reason: str
    is_child: bool
    ready: tuple[int, ...]
    ends_run: bool
    nothing_waits: bool


def release_step(step_id: int, signer: Signer) -> list[Released]:
    """Release what stands behind a done step: joins whose predecessors are all done, or the end of the run.

    Safe to call any number of times, by anybody. Returns: the joins this made available.
    """
    return release_behind(step_id, look_behind([step_id]).get(step_id), signer)


def look_behind(step_ids: list[int]) -> dict[int, Behind]:
    """Return what stands behind done steps that carry a mark, in one look.

    A join that is ready, or a run that has ended, is told to one of the steps only: one is enough to act on it.
    """
    seen: dict[int, Behind] = {}
    told: set[int | UUID] = set()
    for row in fetch_all(_LOOK, {"steps": step_ids}):
        is_first = row.run_id not in told
        seen[row.step_id] = Behind(
            run_id=row.run_id,
            run_status=RunStatus(row.run_status),
            run_reason=row.run_reason,
            is_child=row.is_child,
            ready=tuple(join for join in row.ready if join not in told),
            ends_run=row.run_ended and is_first,
            nothing_waits=row.nothing_waits and not row.run_ended,
        )
        told.update(row.ready, [row.run_id] if row.run_ended else [])
    return seen


def release_behind(step_id: int, behind: Behind | None, signer: Signer) -> list[Released]:
    """Act on what was seen behind a done step; None if it carried no mark, and nothing is left to do."""
    if behind is None:
        return []
    if behind.ends_run:
        _end_run(behind, signer)
        return tell_parent(behind.run_id) if behind.is_child else []
    if behind.nothing_waits:
        fetch_one(_CLEAR_ONE, {"step": step_id})
        return []
    return _release_joins(behind.ready) if behind.ready else []


def _end_run(behind: Behind, signer: Signer) -> None:
    """Close a run in which nothing is open any more; one that is paused is closed when it is resumed."""
    if behind.run_status is RunStatus.PAUSED:
        return
    # Where a person or a decision closes a run it commits at once: what was answered must be durable.
    ending = RunStatus.FAILED if behind.run_status is RunStatus.COMPENSATING else RunStatus.SUCCEEDED
    with transaction.atomic():
        close_run(behind.run_id, ending, signer, behind.run_reason, commit_later=True)


_TELL = f"""
UPDATE orchestration_step s SET status = 'available', {ring("s")} FROM orchestration_run c
WHERE c.id = %(run)s AND c.untold AND s.id = c.parent_step_id AND s.status = 'waiting' AND s.stage IN {BY_CHILD_RUN}
  AND NOT EXISTS (SELECT 1 FROM orchestration_run o WHERE o.parent_step_id = s.id
                  AND o.status IN {LIVE})
RETURNING s.id
"""
_TOLD = """
UPDATE orchestration_run SET untold = false WHERE id = %(run)s AND untold AND parent_step_id IS NOT NULL RETURNING id
"""


def tell_parent(run_id: UUID) -> list[Released]:
    """Make the step available that waited for a child run which has ended; safe to call any number of times.

    Two statements, not one transaction: who holds a parent's rows may want its children's, never the other way.
    """
    told = [Released(row.id) for row in fetch_all(_TELL, {"run": run_id})]
    fetch_all(_TOLD, {"run": run_id})
    return told


_RELEASE = f"""
WITH freed AS (
    UPDATE orchestration_step j
    SET status = 'available', stage = CASE WHEN j.stage IN {COLLECTS} THEN j.stage ELSE '' END, {ring("j")}
    WHERE j.id = ANY(%(joins)s) AND {WAITS_FOR_STEPS} AND {NOTHING_OPEN_BEFORE} AND {NOT_RESET_MEANWHILE}
    RETURNING j.id, j.chord_intact
), cleared AS (
    UPDATE orchestration_step p SET unreleased = false
    WHERE p.id IN (SELECT e.predecessor_id FROM freed f JOIN orchestration_edge e ON e.successor_id = f.id)
      AND p.unreleased AND NOT EXISTS (
        SELECT 1 FROM orchestration_edge e JOIN orchestration_step j ON j.id = e.successor_id
        WHERE e.predecessor_id = p.id AND {WAITS_FOR_STEPS} AND j.id NOT IN (SELECT id FROM freed))
)
SELECT f.id, f.chord_intact, set_config('synchronous_commit', 'off', true) FROM freed f
"""
_CLEAR_ONE = """
UPDATE orchestration_step SET unreleased = false WHERE id = %(step)s AND unreleased
RETURNING id, set_config('synchronous_commit', 'off', true)
"""
CLEAR_RUN = """
WITH cleared AS (UPDATE orchestration_step SET unreleased = false WHERE run_id = %(run)s AND unreleased)
SELECT 1 AS one
"""


def _release_joins(join_ids: tuple[int, ...]) -> list[Released]:
    rows = fetch_all(_RELEASE, {"joins": list(join_ids)})
    return [Released(row.id, rung=row.chord_intact) for row in rows]


_START = f"""
UPDATE orchestration_step j SET status = 'available', {ring("j")}
WHERE (j.run_id = %(run)s OR j.id = ANY(%(steps)s::bigint[])) AND j.status = 'pending' AND {NOTHING_OPEN_BEFORE}
RETURNING j.id, j.position
"""


def start_ready(*, run_id: UUID | None = None, step_ids: Sequence[int] = ()) -> list[int]:
    """Make pending steps available before which all is done, of a run or of some steps; return them in plan order.

    The caller holds the run's row.
    """
    rows = fetch_all(_START, {"run": run_id, "steps": list(step_ids)})
    return [row.id for row in sorted(rows, key=lambda row: row.position)]


_SAID = "(SELECT %(run)s::uuid AS run_id, %(step)s::bigint AS id, %(attempt)s::integer AS attempt) said"
_REFUSED = insert_event(EventKind.LATE_WRITE_REFUSED, source=_SAID, data="%(event)s::text") + " RETURNING id"


def record_late_write(claim: Claim, event_json: str) -> None:
    """Record that a write under a lost claim was refused."""
    about = {"run": claim.run.run_id, "step": claim.step_id, "attempt": claim.attempt}
    fetch_one(_REFUSED, about | {"event": event_json})
