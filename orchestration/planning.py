"""From a workflow version to the rows of a plan. Must not write: `transitions/start.py` does."""

from dataclasses import dataclass

from agents.selectors import find_contract
from orchestration.conf import get_conf
from orchestration.domain.spec import StepSpec, WorkflowSpec, order_steps
from orchestration.transitions.start import EdgeRow, StepRow

DEFAULT_QUEUE = "steps"


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in plan order, and the edges between them by position."""

    steps: tuple[StepRow, ...]
    edges: tuple[EdgeRow, ...]


def plan_run(spec: WorkflowSpec) -> Plan:
    """Return the rows that a run of this workflow starts with."""
    ordered = order_steps(spec)
    position = {step.key: index for index, step in enumerate(ordered)}
    edges = tuple(
        EdgeRow(position[before], position[step.key], before in step.needs, before in step.optional)
        for step in ordered
        for before in step.predecessors
    )
    return Plan(tuple(_plan_step(step) for step in ordered), edges)


def _plan_step(step: StepSpec) -> StepRow:
    contract = find_contract(step.agent)
    own_timeout = contract.timeout_seconds if contract else None
    return StepRow(
        key=step.key,
        agent=step.agent,
        queue=contract.queue if contract else DEFAULT_QUEUE,
        timeout_seconds=step.timeout_seconds or own_timeout or get_conf().STEP_TIMEOUT_SECONDS,
        predecessor_count=len(step.predecessors),
    )
