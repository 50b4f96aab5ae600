"""Work goes back to an earlier step: it and all that depends on it are done anew, in the same round.

The run's row is held, so that no plan grows and nobody else orders anything meanwhile; finishers and claims are not
held up by it, their rows are locked one by one. What runs loses its claim, what is held its ticket; what was done
stays readable as a past output.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.receipts import canonical
from orchestration.domain.rows import Fallen
from orchestration.domain.states import StepStatus
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import ClaimLost
from orchestration.history import EventKind, insert_event
from orchestration.transitions.claim import lock_claim
from orchestration.transitions.ending import ATTEMPT, DECISION, Ending, end_claim
from orchestration.transitions.reset import Reset, await_children, find_grown_below, lock_steps, reset_steps
from orchestration.transitions.tree import lock_run
from orchestration.transitions.vocabulary import is_in_plan, ring

# The step itself is reset with all the others.
_END = Ending(StepStatus.RUNNING, (), EventKind.STEP_SENT_BACK, parts=(ATTEMPT, DECISION))
# Whoever depends on a step starts afresh. Whoever grew it only collects again, unless it waits for it anyway.
_BEHIND = f"""
WITH RECURSIVE hit AS (
    SELECT s.id, false AS collects FROM orchestration_step s WHERE s.id = ANY(%(seeds)s)
    UNION
    SELECT n.id, e.is_child FROM hit h JOIN orchestration_edge e ON e.predecessor_id = h.id
    JOIN orchestration_step n ON n.id = e.successor_id
    WHERE (NOT e.is_child OR n.status NOT IN ('waiting', 'pending'))
      AND {is_in_plan("n")}
)
SELECT id, bool_and(collects) AS collects FROM hit GROUP BY id
"""
_SEND_TO = f"""
WITH sent AS (
    UPDATE orchestration_step s
    SET status = 'available', feedback = %(feedback)s, reworks = s.reworks + 1, {ring("s")}
    WHERE s.id = %(step)s AND s.status = 'pending' AND s.reworks < %(limit)s RETURNING s.id, s.run_id, s.attempt
), told AS (
    {insert_event(EventKind.STEP_REWORKED, source="sent", data="%(event)s::text")}
)
SELECT id FROM sent
"""


@dataclass(frozen=True, slots=True)
class Affected:
    """The steps that a reset reaches: those that start afresh, and those of them that only collect again."""

    steps: list[int]
    collecting: list[int]


@dataclass(frozen=True, slots=True)
class ReworkOrder:
    """Where work goes back to, and why. `limit`: how often that step may be sent back by others in all."""

    step_id: int
    key: str
    limit: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reworked:
    """What a rework did: the step to be dispatched, and those whose first agents are to be put back."""

    available: int
    fallen: list[Fallen]


def lock_affected(seeds: Iterable[int]) -> Affected:
    """Find and lock what is behind some steps, themselves included, until nothing new turns up."""
    locked: set[int] = set()
    while True:
        affected = _find_affected(list(seeds))
        new = set(affected.steps) - locked
        if not new:
            return affected
        lock_steps(new)
        locked |= new


def _find_affected(seeds: list[int]) -> Affected:
    rows = fetch_all(_BEHIND, {"seeds": seeds})
    # What hangs below a step that starts afresh goes with it.
    gone = set(find_grown_below(row.id for row in rows if not row.collects))
    return Affected(
        steps=[row.id for row in rows if row.id not in gone],
        collecting=[row.id for row in rows if row.collects and row.id not in gone],
    )


def rework_run(claim: Claim, end: AttemptEnd, order: ReworkOrder) -> Reworked:
    """End a running step's attempt by sending its work back to an earlier step.

    That step becomes available with the reasons as its feedback; all that depends on it, the sender included, waits
    for it again as a new revision.

    Raises: ClaimLost: the claim passed on, or that step was sent back as often as it may; nothing was written.
    """
    with transaction.atomic():
        lock_run(claim.run.run_id)
        lock_claim(claim)
        affected = lock_affected([order.step_id])
        end_claim(_END, claim, end, event=canonical({"rule": end.rule, "to": order.key}))
        reason = f"'{order.key}' is done anew"
        event = canonical({"because": order.key})
        fallen = reset_steps(
            Reset(affected.steps, affected.collecting, reason, event, answered=(claim.step_id,))
        )
        _send_to(claim, order)
        await_children(affected.collecting)
    return Reworked(order.step_id, fallen)


def _send_to(claim: Claim, order: ReworkOrder) -> None:
    parameters = {
        "step": order.step_id,
        "limit": order.limit,
        "feedback": "\n".join(order.reasons),
        "event": canonical({"by": claim.key, "reasons": list(order.reasons)}),
    }
    if fetch_one(_SEND_TO, parameters) is None:
        raise ClaimLost(f"step '{order.key}' was sent back {order.limit} times already")
