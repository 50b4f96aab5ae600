"""Which steps of an aborted run are undone, and by whom."""

from collections.abc import Mapping, Sequence

import structlog

from orchestration.domain.plan import name_compensation, resolve_spec
from orchestration.domain.rows import DoneStep, Undo
from orchestration.domain.spec import HUMAN, StepSpec
from orchestration.domain.states import Stage, StepKind
from orchestration.errors import SpecInvalid
from orchestration.planning.run import load_plan
from orchestration.planning.terms import find_terms

log = structlog.get_logger(__name__)


def plan_undo(done: Sequence[DoneStep]) -> list[Undo]:
    """Return how the done steps are undone that name an agent for it, in the order given.

    Where a step's spec can't be read any more, a person is asked.
    """
    if not done:
        return []
    steps = load_plan(done[0].workflow_id, done[0].workflow_digest)[0].step_map
    found = [(step, _find_undoer(step, steps)) for step in done if step.stage != Stage.ITEMS]
    return [_describe(step, agent) for step, agent in found if agent is not None]


def _find_undoer(step: DoneStep, steps: Mapping[str, StepSpec]) -> str | None:
    try:
        kind = StepKind(step.kind)
        return resolve_spec(steps, kind, step.spec_key, step.spec_json, step.agent).compensate
    except (SpecInvalid, KeyError):
        # Whether it names an agent for it nobody can say any more: a person is asked, not nobody.
        log.exception("spec_unreadable", step=step.step_id, next="a ticket asks to undo by hand what it did")
        return HUMAN


def _describe(step: DoneStep, agent: str) -> Undo:
    terms = find_terms(agent)
    return Undo(
        step_id=step.step_id,
        key=name_compensation(step.key, step.revision, step.round),
        agent=agent,
        queue=terms.queue,
        timeout_seconds=terms.timeout_seconds,
        pools=terms.pools,
    )
