"""Whether a run's rows say the same of each other: what stands twice, or names another row, must agree.

Part of `verify`: these columns are in no digest, as another row that is in one already tells them.
"""

import json
from collections import Counter
from collections.abc import Iterator

from orchestration.domain.rows import TURN
from orchestration.domain.spec import load_spec
from orchestration.domain.states import StepKind
from orchestration.models import Attempt, Run, Step
from orchestration.selectors.proof import ProofHandoff, ProofRows


def find_link_faults(run: Run, rows: ProofRows) -> Iterator[str]:
    """Yield what does not agree between the rows of a run, each naming row and field."""
    yield from _plan_faults(run, rows)
    yield from _growth_faults(rows)
    claimed_by = _read_claimers(rows)
    steps = rows.steps
    for attempt in rows.attempts:
        yield from _attempt_faults(run, attempt, steps[attempt.step_id], claimed_by)
    attempts = {attempt.pk: attempt for attempt in rows.attempts}
    for handoff in rows.handoffs:
        yield from _handoff_faults(run, handoff, attempts[handoff.attempt_id], rows)
    for receipt in rows.receipts:
        if receipt.run_id != run.pk:
            yield f"step '{rows.key_of(receipt.step_id)}': its receipt's run is another"


def _plan_faults(run: Run, rows: ProofRows) -> Iterator[str]:
    spec = load_spec(json.loads(run.workflow.spec_json))
    if (run.workflow.name, run.workflow_name, run.workflow.sla) != (spec.name, spec.name, spec.sla):
        yield f"workflow {run.workflow}: name or sla are not those of its spec"
    said = (run.workflow.actor, run.workflow.parks)
    if said != (spec.actor or "", spec.on_stuck == "park"):
        yield f"workflow {run.workflow}: actor or parks are not those of its spec"
    key, _, turn = (run.idempotency_key or "").partition(":")
    whose = turn.partition(".")[0] if f"{key}:" == TURN else ""
    if whose != str(run.actor_id or ""):
        yield "run: actor is not the one whose turn it is by its idempotency_key"
    if run.workflow.project_id != run.project_id:
        yield f"workflow {run.workflow}: its project is not the run's"
    steps = {pk: step.key for pk, step in rows.steps.items() if step.kind == StepKind.PLANNED}
    for key in sorted({step.key for step in spec.steps} ^ set(steps.values())):
        yield f"step '{key}': it is not as the spec has it"
    planned = {
        (before, step.key, before in step.needs, before in step.optional, False)
        for step in spec.steps
        for before in step.predecessors
    }
    stands = {
        (
            steps[edge.predecessor_id],
            steps[edge.successor_id],
            edge.carries_data,
            edge.is_optional,
            edge.is_child,
        )
        for edge in rows.edges
        if edge.predecessor_id in steps and edge.successor_id in steps
    }
    for before, after, *_ in sorted(planned ^ stands):
        yield f"edge {before} -> {after}: it is not as the spec has it"


def _growth_faults(rows: ProofRows) -> Iterator[str]:
    """Yield what does not fit in the edges and parents of steps that grew at run time."""
    for edge in rows.edges:
        if not {edge.predecessor_id, edge.successor_id} <= rows.steps.keys():
            place = f"edge {rows.key_of(edge.predecessor_id)} -> {rows.key_of(edge.successor_id)}"
            yield f"{place}: one end is no step of this run"
        elif edge.is_child and rows.steps[edge.predecessor_id].parent_id != edge.successor_id:
            yield f"step '{rows.key_of(edge.predecessor_id)}': its parent is not the step that waits for it"
    counts = Counter(edge.successor_id for edge in rows.edges)
    for step in rows.steps.values():
        if step.predecessor_count != counts[step.pk]:
            yield f"step '{step.key}': predecessor_count is not the number of its edges"
        yield from _parent_faults(rows, step)


def _parent_faults(rows: ProofRows, step: Step) -> Iterator[str]:
    if step.kind == StepKind.PLANNED:
        if step.parent_id is not None or step.depth:
            yield f"step '{step.key}': it is planned but has a parent or a depth"
        return
    parent = rows.steps.get(step.parent_id or 0)
    if parent is None:
        yield f"step '{step.key}': its parent is no step of this run"
    elif step.depth != parent.depth + 1:
        yield f"step '{step.key}': depth is not one more than its parent's"


def _read_claimers(rows: ProofRows) -> dict[tuple[int | None, int | None], int]:
    """Return by step and attempt which process the history says made the claim."""
    claims = (line for line in rows.events if line.kind == "step_claimed")
    return {(line.step_id, line.attempt): json.loads(line.data_json).get("process") for line in claims}


def _attempt_faults(
    run: Run, attempt: Attempt, step: Step, claimed_by: dict[tuple[int | None, int | None], int]
) -> Iterator[str]:
    place = f"step '{step.key}', attempt {attempt.number}"
    if attempt.run_id != run.pk:
        yield f"{place}: its run is another"
    if attempt.process_id != claimed_by.get((attempt.step_id, attempt.number)):
        yield f"{place}: process is not the one that the history names"
    usage = getattr(attempt, "usage", None)
    where = (run.pk, attempt.step_id, attempt.finished_at)
    if usage is not None and (usage.run_id, usage.step_id, usage.at) != where:
        yield f"{place}: its usage is of another run or step, or of another time"
    decision = getattr(attempt, "decision", None)
    if decision is None:
        return
    if (decision.run_id, decision.step_id) != (run.pk, attempt.step_id):
        yield f"{place}: its decision's run or step is another"
    if decision.decided_at != attempt.finished_at:
        yield f"{place}: decided_at is not when the attempt ended"


def _handoff_faults(run: Run, handoff: ProofHandoff, attempt: Attempt, rows: ProofRows) -> Iterator[str]:
    place = f"hand-off to {rows.key_of(attempt.step_id)}, attempt {attempt.number}"
    if (handoff.run_id, handoff.to_step_id) != (run.pk, attempt.step_id):
        yield f"{place}: its run or to_step is another"
    if handoff.handed_at != attempt.started_at:
        yield f"{place}: handed_at is not when the attempt began"
