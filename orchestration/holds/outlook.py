"""What an abort would do, for the page that asks before it; nothing is locked, and nothing is done."""

from dataclasses import dataclass
from uuid import UUID

from orchestration.domain.states import OPEN
from orchestration.models import Step
from orchestration.planning.undo import plan_undo
from orchestration.transitions.compensate import find_done_steps


@dataclass(frozen=True, slots=True)
class AbortOutlook:
    """What an abort would do as things stand.

    Attributes: undone: (key of a done step, agent that undoes it), in that order.  stopped: open steps that end.
    """

    undone: list[tuple[str, str]]
    stopped: int


def foresee_abort(run_id: UUID) -> AbortOutlook:
    """Return what aborting a run would undo and stop."""
    done = find_done_steps(run_id)
    key_of = {step.step_id: step.key for step in done}
    undone = [(key_of[undo.step_id], undo.agent) for undo in plan_undo(done)]
    return AbortOutlook(undone, Step.objects.filter(run=run_id, status__in=OPEN).count())
