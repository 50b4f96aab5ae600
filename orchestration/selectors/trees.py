"""Questions about what grew: the children of steps and runs."""

import json
from typing import Any
from uuid import UUID

from django.db.models import F, Func, IntegerField, Sum

from orchestration.domain.states import STOPPED, StepKind, StepStatus
from orchestration.models import Run, RunResult, Step

_OCTETS = Func(F("output_json"), function="octet_length", output_field=IntegerField())


def count_steps(run_id: UUID) -> int:
    """Return how many steps a run has by now."""
    return Step.objects.filter(run_id=run_id).count()


def find_grown(step_id: int) -> list[int]:
    """Return what can be performed of what a step has grown: its children, or the steps of its child run."""
    children = Step.objects.filter(parent_id=step_id) | Step.objects.filter(run__parent_step_id=step_id)
    return list(children.filter(status=StepStatus.AVAILABLE).order_by("id").values_list("id", flat=True))


def sum_outputs(step_id: int) -> int:
    """Return how many bytes the finished siblings of a grown step put out together, its own included."""
    parent = Step.objects.filter(pk=step_id).values("parent_id")
    finished = Step.objects.filter(
        parent_id__in=parent, status=StepStatus.SUCCEEDED, edges_out__is_child=True
    ).exclude(kind=StepKind.SUMMARY)
    return int(finished.aggregate(total=Sum(_OCTETS))["total"] or 0)


def count_stopped(step_id: int, generation: str) -> int:
    """Return how many of the steps that a step grew rest unbegun; of this generation of them only."""
    stopped = Step.objects.filter(parent_id=step_id, status=StepStatus.CANCELLED, skip_reason=STOPPED)
    return sum(
        key.startswith((f"{generation}[", f"{generation}/")) for key in stopped.values_list("key", flat=True)
    )


def find_child_run(step_id: int) -> Run | None:
    """Return the latest run that was started for a step."""
    return Run.objects.filter(parent_step_id=step_id).order_by("-parent_attempt").first()


def find_by_key(project_id: int, workflow: str, key: str | None) -> UUID | None:
    """Return the run of a workflow that has an idempotency key."""
    found = Run.objects.filter(project_id=project_id, workflow_name=workflow, idempotency_key=key)
    return found.values_list("pk", flat=True).first() if key else None


def find_result(run_id: UUID) -> RunResult | None:
    """Return what a run gives back, where that is not just what its last steps put out."""
    return RunResult.objects.filter(run=run_id).first()


def read_last_outputs(run_id: UUID) -> dict[str, Any]:
    """Return the output of every planned step of a run which no other planned step stands behind, by key."""
    last = Step.objects.filter(run_id=run_id, parent__isnull=True, edges_out__isnull=True)
    return {key: json.loads(text or "null") for key, text in last.values_list("key", "output_json")}
