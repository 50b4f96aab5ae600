"""Whether a run fits its parent, its children, and the run it was forked from. Part of `verify`."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from orchestration.domain.plan import resolve_spec
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.spec import load_spec
from orchestration.domain.states import Acceptance, ReceiptKind, RunStatus, Stage, StepKind, StepStatus
from orchestration.models import Receipt, Run, RunResult, Step
from orchestration.runs.forking import name_reused
from orchestration.selectors.proof import ProofRows


def find_family_faults(run: Run, rows: ProofRows) -> Iterator[str]:
    """Yield what does not agree between a run and others."""
    yield from _parent_faults(run)
    yield from _child_faults(rows)
    yield from _fork_faults(run, rows)


def _parent_faults(run: Run) -> Iterator[str]:
    if run.parent_step_id is None:
        if run.root_id != run.pk or run.depth != 0:
            yield "run: it has no parent, but a root or a depth as if it had one"
        return
    step = Step.objects.select_related("run__workflow").filter(pk=run.parent_step_id).first()
    if step is None:
        yield "run: the step it was started for is not there"
        return
    above = step.run
    if (above.root_id, above.depth + 1, above.project_id) != (run.root_id, run.depth, run.project_id):
        yield f"run: root, depth or project do not fit the run above it, {above.pk}"
    planned = load_spec(json.loads(above.workflow.spec_json)).step_map
    spec = resolve_spec(planned, StepKind(step.kind), step.spec_key, step.spec_json, step.agent)
    if spec.workflow != run.workflow_name:
        yield f"run: step '{step.key}' of run {above.pk} does not start this workflow"


def _child_faults(rows: ProofRows) -> Iterator[str]:
    """Yield steps whose output is not that of the run they waited for."""
    collected = [
        step
        for step in rows.steps.values()
        if step.stage == Stage.CHILD_RUN
        and step.status == StepStatus.SUCCEEDED
        and step.accepted_by == Acceptance.NOBODY
    ]
    if not collected:
        return
    children = _load_newest([step.pk for step in collected])
    ids = [child.pk for child in children.values()]
    outputs, results = _load_outputs(ids), RunResult.objects.in_bulk(ids)
    for step in collected:
        child = children.get(step.pk)
        if child is None or child.status != RunStatus.SUCCEEDED:
            yield f"step '{step.key}': the run it waited for is not there, or did not succeed"
            continue
        result = results.get(child.pk)
        gave = result.digest if result else digest_text(canonical(outputs[child.pk]))
        if gave != step.output_digest:
            yield f"step '{step.key}': its output is not that of run {child.pk}"


def _load_newest(step_ids: list[int]) -> dict[int, Run]:
    """Return the latest run that was started for each step."""
    runs = Run.objects.filter(parent_step__in=step_ids).order_by("parent_attempt")
    return {run.parent_step_id: run for run in runs if run.parent_step_id is not None}


def _load_outputs(run_ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
    last = Step.objects.filter(run__in=run_ids, parent__isnull=True, edges_out__isnull=True)
    outputs: dict[UUID, dict[str, Any]] = defaultdict(dict)
    for run_id, key, text in last.values_list("run_id", "key", "output_json"):
        outputs[run_id][key] = json.loads(text or "null")
    return outputs


def _fork_faults(run: Run, rows: ProofRows) -> Iterator[str]:
    reused = [receipt for receipt in rows.receipts if receipt.kind == ReceiptKind.REUSE]
    if run.forked_from_id is None:
        yield from (
            f"step '{rows.key_of(receipt.step_id)}': it reuses an output, but the run is no fork"
            for receipt in reused
        )
        return
    source = Run.objects.filter(pk=run.forked_from_id).first()
    if source is None or source.workflow_id != run.workflow_id:
        yield "run: the run it was forked from is not there, or is of another version"
        return
    originals = Receipt.objects.filter(step__run=source, step__kind=StepKind.PLANNED).select_related("step")
    known = {(one.step.key, name_reused(source.pk, one.digest)): _final(one) for one in originals}
    for receipt in reused:
        said = json.loads(receipt.body_json)
        if known.get((said.get("step"), said.get("decision"))) != said.get("final"):
            yield f"step '{rows.key_of(receipt.step_id)}': run {source.pk} has no such output to reuse"


def _final(receipt: Receipt) -> str | None:
    final: str | None = json.loads(receipt.body_json).get("final")
    return final
