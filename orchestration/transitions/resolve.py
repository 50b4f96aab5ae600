"""held -> succeeded, skipped, available or failed: what a person chose for a step.

The caller (the ticket's own writer) holds run and step, has closed the ticket in the same transaction, and
dispatches after commit.
"""

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from orchestration.awaited import is_awaited, wait_anew
from orchestration.database.lines import dump_line, pass_lines
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.anew import Anew, foresee_anew
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import UndoPlanner
from orchestration.domain.signing import Signer
from orchestration.domain.states import Acceptance, Stage, StepKind, StepStatus
from orchestration.domain.words import LIVE
from orchestration.domain.work import EarlyEnd, FinalOutput, HeldStep, NextAgent
from orchestration.errors import ResolutionRefused, StepNotHeld
from orchestration.history import EventKind
from orchestration.transitions.end import abort_run
from orchestration.transitions.ending import DETACH, FORGET_CHILDREN, RECEIPT, Ending, Part
from orchestration.transitions.finish import OUTPUT, OUTPUT_LINE, RELEASE, describe_output
from orchestration.transitions.stop import cancel_run, finish_run
from orchestration.transitions.stopping import go_on
from orchestration.transitions.vocabulary import ring

# A step never changes its run, so the run is found and locked in one statement.
_LOCK_ITS_RUN = """
SELECT id FROM orchestration_run WHERE id = (SELECT run_id FROM orchestration_step WHERE id = %(step)s)
FOR NO KEY UPDATE
"""
_LOCK_ROOT = """
SELECT id FROM orchestration_run WHERE id = (SELECT r.root_id FROM orchestration_step s
    JOIN orchestration_run r ON r.id = s.run_id WHERE s.id = %(step)s)
FOR NO KEY UPDATE
"""
_LOCK_HELD = f"""
SELECT s.id AS step_id, s.run_id, s.key, r.round, s.revision, s.attempt, s.feedback, s.stage,
       CASE WHEN s.stage <> 'spawned' THEN s.proposed_json END AS proposed_json, w.digest AS spec_digest,
       clock_timestamp() AS now, r.root_id, s.kind, s.spec_key, s.spec_json, s.agent, r.workflow_id, s.renewals,
       a.id AS asked_call, a.request_json AS asked_json,
       EXISTS (SELECT 1 FROM orchestration_pendingeffects p WHERE p.step_id = s.id) AS has_pending
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
JOIN orchestration_workflow w ON w.id = r.workflow_id
LEFT JOIN LATERAL (
    SELECT c.id, c.request_json FROM orchestration_call c
    WHERE c.step_id = s.id AND c.kind = 'approval' AND {is_awaited("c", "s")}
    ORDER BY c.id LIMIT 1) a ON true
WHERE s.id = %(step)s AND s.status = 'held' AND r.status IN {LIVE} FOR NO KEY UPDATE OF s
"""


def lock_held_step(step_id: int) -> HeldStep:
    """Lock the run, then the step, until the transaction ends. What it returns is what is written by: read once.

    Raises: StepNotHeld: the step does not wait for a person, or its run has ended.
    """
    fetch_one(_LOCK_ITS_RUN, {"step": step_id})
    row = fetch_one(_LOCK_HELD, {"step": step_id})
    if row is None:
        raise StepNotHeld(f"step {step_id} is not held; reload its ticket to see what was decided")
    return HeldStep(*row._replace(stage=Stage(row.stage), kind=StepKind(row.kind)))


def lock_held_step_below_root(step_id: int) -> HeldStep:
    """Lock the run at the top of the tree, then the step's own, then the step: for what reaches the whole tree.

    Raises: StepNotHeld, as `lock_held_step`.
    """
    fetch_one(_LOCK_ROOT, {"step": step_id})
    return lock_held_step(step_id)


_SETTLE = Ending(
    StepStatus.HELD,
    (StepStatus.SUCCEEDED, StepStatus.SKIPPED),
    EventKind.STEP_RESOLVED,
    sets=OUTPUT,
    parts=(RECEIPT, RELEASE),
    columns=OUTPUT_LINE,
    effects=(),
    returned="s.id, s.run_id, s.attempt, s.unreleased",
    answer="SELECT d.unreleased AS look_behind, f.id FROM done d LEFT JOIN freed f ON true",
)


def settle_held_step(
    held: HeldStep, final: FinalOutput, *, accepted_by: Acceptance, reason: str, event_json: str
) -> tuple[list[int], bool]:
    """Move a held step to `succeeded` or `skipped`.

    Returns: steps that became available, and whether to look behind after the commit.
    """
    rows = _end(
        _SETTLE,
        held,
        event_json,
        **describe_output(final) | {"accepted_by": accepted_by},
        why=reason,
        round=held.round,
        revision=held.revision,
    )
    return [row.id for row in rows if row.id is not None], rows[0].look_behind


def _decided(target: StepStatus, sets: str, *parts: Part) -> Ending:
    """Return an ending of a held step that does not finish it."""
    columns = {"why": "text", "feedback": "text", "renewals": "integer"}
    return Ending(
        StepStatus.HELD,
        (target,),
        EventKind.STEP_RESOLVED,
        sets=f"reason = coalesce(g.why, ''), {sets}",
        parts=parts,
        columns=columns,
        effects=(),
        returned="s.id, s.run_id, s.attempt, s.renewals AS journal",
    )


_WAIT_ANEW: Final = Part("anew", wait_anew("done"))
# What it had grown is all over, or it would not be held; it stays as history, and the step does its own work anew.
_SEND_BACK = _decided(
    StepStatus.AVAILABLE,
    "feedback = g.feedback, revision = s.revision + 1, failures = 0, crashes = 0, renewals = s.renewals + g.renewals, "
    f"{ring('s')}, {FORGET_CHILDREN}",
    *DETACH,
    _WAIT_ANEW,
)
_ANSWER = _decided(StepStatus.AVAILABLE, ring("s"))
_COLLECT_AGAIN = _decided(StepStatus.AVAILABLE, f"failures = 0, crashes = 0, {ring('s')}")
_LIFT = replace(_COLLECT_AGAIN, event=EventKind.STEP_WOKEN, statement="")
_WAIT_AGAIN = _decided(StepStatus.WAITING, "failures = 0, crashes = 0")
_FAIL_HELD = _decided(StepStatus.FAILED, "finished_at = g.now")
_CLOSE_HELD = _decided(StepStatus.CANCELLED, "finished_at = g.now")
# Feedback that was given before is still good advice, whoever does the step.
_HAND_ON = replace(
    _decided(
        StepStatus.AVAILABLE,
        "revision = s.revision + 1, failures = 0, crashes = 0, renewals = s.renewals + g.renewals, agent = g.agent, "
        "queue = g.queue, timeout_seconds = g.seconds, pools = g.pools, fallbacks = g.fallbacks, waits_for = '', "
        f"{ring('s')}, {FORGET_CHILDREN}",
        *DETACH,
        _WAIT_ANEW,
    ),
    columns={
        "why": "text",
        "renewals": "integer",
        "agent": "text",
        "queue": "text",
        "seconds": "double precision",
        "pools": "jsonb",
        "fallbacks": "integer",
    },
    statement="",
)


def send_back_held_step(
    held: HeldStep, feedback: str, *, event_json: str, keeps_journal: bool = False
) -> list[int]:
    """Move a held step to `available`; it runs again with the feedback, as a new revision.

    What a step grew and could not put together stays done: that step only collects it again, after what was stopped
    because of that limit.

    Args: keeps_journal: whatever it proposed before, what it called is not called again.
    Returns: what is to be dispatched after the commit.
    """
    anew = foresee_anew(held.stage, has_proposal=held.proposed_json is not None)
    if anew is Anew.COLLECTS:
        gone_on = go_on([held.step_id])
        _end(_WAIT_AGAIN if gone_on.steps else _COLLECT_AGAIN, held, event_json)
        return gone_on.available if gone_on.steps else [held.step_id]
    renewals = int(anew is Anew.NEW_KEY and not keeps_journal)
    _end(_SEND_BACK, held, event_json, feedback=feedback, renewals=renewals)
    return [held.step_id]


def answer_held_step(held: HeldStep, *, event_json: str) -> list[int]:
    """Move a held step whose agent's questions were answered to `available`, as the same revision.

    Returns: what is to be dispatched after the commit.
    """
    _end(_ANSWER, held, event_json)
    return [held.step_id]


def lift_held_step(held: HeldStep, *, event_json: str) -> None:
    """Move a held step to `available` once what it asked about is out of the way; dispatch it after the commit."""
    _end(_LIFT, held, event_json)


def hand_on_held_step(
    held: HeldStep, to: NextAgent, *, fallbacks: int, reason: str, event_json: str
) -> list[int]:
    """Move a held step to `available`, to be done by another agent, whose tries are counted anew.

    Args: fallbacks: so many of the spec's fallbacks lie behind it.
    Returns: what is to be dispatched after the commit.
    """
    anew = foresee_anew(held.stage, has_proposal=held.proposed_json is not None)
    _end(
        _HAND_ON,
        held,
        event_json,
        why=reason,
        renewals=int(anew is not Anew.SAME_KEY),
        agent=to.agent,
        queue=to.queue,
        seconds=to.timeout_seconds,
        pools=dict(to.pools),
        fallbacks=fallbacks,
    )
    return [held.step_id]


def close_by_person(
    held: HeldStep, early: EarlyEnd, run_id: UUID, signer: Signer, *, event_json: str
) -> None:
    """Move a held step to `cancelled`, and end a run early with it: its own, or the one at the top of its tree.

    The caller holds that run's row too.

    Raises: StepNotHeld. ResolutionRefused: the run undoes what it did.
    """
    _end(_CLOSE_HELD, held, event_json, why=early.reason)
    order = canonical({"by": early.by, "reason": early.reason})
    if run_id != held.run_id:
        cancel_run(held.run_id, early.reason, signer, event_json=order)
    if not finish_run(run_id, early, signer, event_json=order):
        raise ResolutionRefused(
            f"run {run_id} has ended, or undoes what it did: it can't be closed; skip the step or abort instead"
        )


def abort_by_person(
    held: HeldStep, reason: str, signer: Signer, plan: UndoPlanner, *, event_json: str
) -> list[int]:
    """Move a held step to `failed` and its run with it; return the first compensation, to be dispatched."""
    _end(_FAIL_HELD, held, event_json, why=reason)
    return abort_run(held.run_id, reason, signer, plan)


def _end(ending: Ending, held: HeldStep, event_json: str, **more: object) -> list[Any]:
    line = {"step": held.step_id, "now": held.now, "event": event_json} | more
    rows = fetch_all(ending.statement, pass_lines([dump_line(line)], waits=True))
    if not rows:
        raise StepNotHeld(f"step {held.step_id} is not held")
    return rows
