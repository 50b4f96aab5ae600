"""Whether a run's rows say the same of each other: what stands twice, or names another row, must agree.

Part of `verify`: these columns are in no digest, as another row that is in one already tells them.
"""

import json
from collections.abc import Iterator

from orchestration.domain.spec import load_spec
from orchestration.domain.states import RunStatus
from orchestration.models import Attempt, Edge, Event, Handoff, Receipt, Run, Seal
from orchestration.transitions.release import describe_closing


def find_link_faults(run: Run) -> Iterator[str]:
    """Yield what does not agree between the rows of a run, each naming row and field."""
    yield from _plan_faults(run)
    claimed_by = _read_claimers(run)
    for attempt in Attempt.objects.filter(step__run=run).select_related("decision", "step").order_by("id"):
        yield from _attempt_faults(run, attempt, claimed_by)
    for handoff in Handoff.objects.filter(attempt__step__run=run).select_related("attempt__step"):
        yield from _handoff_faults(run, handoff)
    for receipt in Receipt.objects.filter(step__run=run).exclude(run=run).select_related("step"):
        yield f"step '{receipt.step.key}': its receipt's run is another"
    if run.status != RunStatus.RUNNING:
        yield from _closing_faults(run)


def _plan_faults(run: Run) -> Iterator[str]:
    spec = load_spec(json.loads(run.workflow.spec_json))
    if (run.workflow.name, run.workflow_name, run.workflow.sla) != (spec.name, spec.name, spec.sla):
        yield f"workflow {run.workflow}: name or sla are not those of its spec"
    if run.workflow.project_id != run.project_id:
        yield f"workflow {run.workflow}: its project is not the run's"
    planned = {
        (before, step.key, before in step.needs, before in step.optional)
        for step in spec.steps
        for before in step.predecessors
    }
    edges = Edge.objects.filter(run=run)
    stands = set(edges.values_list("predecessor__key", "successor__key", "carries_data", "is_optional"))
    for before, after, *_ in sorted(planned ^ stands):
        yield f"edge {before} -> {after}: it is not as the spec has it"


def _read_claimers(run: Run) -> dict[tuple[int | None, int | None], int]:
    """Return by step and attempt which process the history says made the claim."""
    claims = Event.objects.filter(run=run, kind="step_claimed")
    return {(line.step_id, line.attempt): json.loads(line.data_json).get("process") for line in claims}


def _attempt_faults(
    run: Run, attempt: Attempt, claimed_by: dict[tuple[int | None, int | None], int]
) -> Iterator[str]:
    place = f"step '{attempt.step.key}', attempt {attempt.number}"
    if attempt.run_id != run.pk:
        yield f"{place}: its run is another"
    if attempt.process_id != claimed_by.get((attempt.step_id, attempt.number)):
        yield f"{place}: process is not the one that the history names"
    decision = getattr(attempt, "decision", None)
    if decision is None:
        return
    if (decision.run_id, decision.step_id) != (run.pk, attempt.step_id):
        yield f"{place}: its decision's run or step is another"
    if decision.decided_at != attempt.finished_at:
        yield f"{place}: decided_at is not when the attempt ended"


def _handoff_faults(run: Run, handoff: Handoff) -> Iterator[str]:
    attempt = handoff.attempt
    place = f"hand-off to {attempt.step.key}, attempt {attempt.number}"
    if (handoff.run_id, handoff.to_step_id) != (run.pk, attempt.step_id):
        yield f"{place}: its run or to_step is another"
    if handoff.handed_at != attempt.started_at:
        yield f"{place}: handed_at is not when the attempt began"


def _closing_faults(run: Run) -> Iterator[str]:
    lines = Event.objects.filter(run=run, kind="run_closed").order_by("id")
    told = [(line.step_id, line.attempt, line.data_json, line.at) for line in lines]
    if told != [(None, None, describe_closing(run.status), run.finished_at)]:
        yield "history: the line run_closed is missing or does not fit the run's end"
    seal = Seal.objects.filter(run=run, round=run.round).first()
    if seal is not None and seal.sealed_at != run.finished_at:
        yield "seal: sealed_at is not when the run ended"
    after = Event.objects.filter(run=run, id__gt=max((line.pk for line in lines), default=0))
    for line in after.exclude(kind="late_write_refused").order_by("id")[:1]:
        yield f"history: the line {line.kind} stands behind the run's end"
