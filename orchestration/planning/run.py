"""A run before it is written: which version, whether its input fits, and the rows it starts with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agents.domain.canonical import RECORD_BYTES, canonical_json
from agents.domain.json_schema import find_fault
from agents.errors import UnreadableOutput
from orchestration.conf import get_conf
from orchestration.domain.receipts import digest_text
from orchestration.domain.rows import EdgeRow, NewRun, Origin, ParentStep, StepRow
from orchestration.domain.spec import StepSpec, WorkflowSpec, load_spec, order_steps
from orchestration.errors import InputInvalid, WorkflowNotFound
from orchestration.models import Workflow
from orchestration.planning.terms import find_terms, is_gated


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in plan order, and the edges between them by position."""

    steps: tuple[StepRow, ...]
    edges: tuple[EdgeRow, ...]


def plan_run(spec: WorkflowSpec) -> Plan:
    """Return the rows that a run of this workflow starts with."""
    ordered = order_steps(spec.steps)
    position = {step.key: index for index, step in enumerate(ordered)}
    edges = tuple(
        EdgeRow(position[before], position[step.key], before in step.needs, before in step.optional)
        for step in ordered
        for before in step.predecessors
    )
    return Plan(tuple(_plan_step(step) for step in ordered), edges)


def _plan_step(step: StepSpec) -> StepRow:
    terms = find_terms(step.agent, step.timeout_seconds)
    return StepRow(
        key=step.key,
        agent=step.agent,
        queue=terms.queue,
        timeout_seconds=terms.timeout_seconds,
        predecessor_count=len(step.predecessors),
        gated=is_gated(step),
        pools=terms.pools,
    )


def find_latest(name: str, **project: Any) -> Workflow:
    """Return the latest version of a workflow.

    Args: project: `project_id` or `project__slug`.
    Raises: WorkflowNotFound.
    """
    version = Workflow.objects.filter(name=name, **project).order_by("-version").first()
    if version is None:
        raise WorkflowNotFound(f"no workflow '{name}' is published; run `manage.py publish_workflows`")
    return version


@lru_cache(maxsize=256)
def load_plan(workflow_id: int, digest: str) -> tuple[WorkflowSpec, Plan]:
    """Return a version's spec and the rows its runs start with; each is read once per process."""
    # A version never changes; the digest keeps the cache from outliving a database that was made anew.
    spec = load_spec(json.loads(Workflow.objects.get(pk=workflow_id, digest=digest).spec_json))
    return spec, plan_run(spec)


@lru_cache(maxsize=256)
def load_version(workflow_id: int, digest: str, project_id: int) -> Workflow:
    """Return a version by its id; each is read once per process, as `load_plan` does. Shared: for reading only."""
    return Workflow.objects.get(pk=workflow_id, digest=digest, project=project_id)


def describe_new_run(
    version: Workflow,
    value: Any,
    *,
    idempotency_key: str | None,
    requested_by_id: int | None = None,
    priority: int = 0,
    parent: ParentStep | None = None,
    origin: Origin | None = None,
    budget: Mapping[str, int] | None = None,
) -> NewRun:
    """Return a run of a version with an input, ready to be written.

    Raises: InputInvalid: names the path.
    """
    spec, plan = load_plan(version.pk, version.digest)
    input_json = check_input(spec, value)
    return NewRun(
        project_id=version.project_id,
        workflow_id=version.pk,
        workflow_name=version.name,
        input_json=input_json,
        input_digest=digest_text(input_json),
        idempotency_key=idempotency_key,
        requested_by_id=requested_by_id,
        handoff_tokens=get_conf().HANDOFF_TOKENS,
        steps=plan.steps,
        edges=plan.edges,
        priority=priority,
        timeout_seconds=spec.timeout_seconds,
        parent=parent,
        origin=origin,
        budget=budget or {},
    )


def write_input(value: Any, max_bytes: int = RECORD_BYTES) -> str:
    """Return a run's input as canonical JSON, whatever a schema would say of it.

    Raises: InputInvalid: it is no JSON object, or larger.
    """
    if not isinstance(value, dict):
        raise InputInvalid("input: must be a JSON object")
    try:
        return canonical_json(value, max_bytes=max_bytes)
    except UnreadableOutput as error:
        raise InputInvalid(f"input{error.path}: {error.reason}") from error


def check_input(spec: WorkflowSpec, value: Any) -> str:
    """Return a run's input as canonical JSON.

    Raises: InputInvalid: it is no JSON object, too large, or does not fit the schema; names the path.
    """
    text = write_input(value, get_conf().MAX_INPUT_BYTES)
    if spec.input_schema is not None:
        fault = find_fault(spec.input_schema, value)
        if fault is not None:
            raise InputInvalid(f"input{fault[0]}: {fault[1]}")
    return text
