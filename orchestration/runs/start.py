"""Starting a run, and waiting for its end."""

import json
import time
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from jsonschema import Draft202012Validator

from agents.domain.invocation import canonical_json
from agents.errors import UnreadableOutput
from orchestration.conf import get_conf
from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.receipts import digest_text
from orchestration.domain.spec import WorkflowSpec, load_spec
from orchestration.domain.states import RunStatus
from orchestration.errors import (
    IdempotencyConflict,
    InputInvalid,
    RunNotFound,
    WaitTimedOut,
    WorkflowNotFound,
)
from orchestration.models import Run, Workflow
from orchestration.planning import Plan, plan_run
from orchestration.transitions.start import NewRun, insert_run

_POLL_SECONDS = (0.02, 0.05, 0.1, 0.25)


def start(
    workflow: str,
    input: Any,  # noqa: A002 - the public name; any JSON object
    *,
    idempotency_key: str | None = None,
    requested_by: AbstractBaseUser | None = None,
    project: str = "default",
) -> Run:
    """Start a run of the latest version of a workflow; once this returns, the run is durable.

    Args:
        input: a JSON object that fits the workflow's input schema, at most MAX_INPUT_BYTES as canonical JSON.
        idempotency_key: the same key and input return the same run, whatever its state.
    Raises: WorkflowNotFound. InputInvalid: names the path. IdempotencyConflict: same key, other input.
    """
    version = _find_latest(workflow, project)
    spec, plan = _load_plan(version.pk, version.digest)
    input_json = _check_input(spec, input)
    digest = digest_text(input_json)
    _check_key(idempotency_key)
    inserted = insert_run(
        NewRun(
            project_id=version.project_id,
            workflow_id=version.pk,
            workflow_name=version.name,
            input_json=input_json,
            input_digest=digest,
            idempotency_key=idempotency_key,
            requested_by_id=requested_by.pk if requested_by else None,
            token_budget=get_conf().HANDOFF_TOKEN_BUDGET,
            steps=plan.steps,
            edges=plan.edges,
        )
    )
    if inserted is None:
        return _find_same(version, idempotency_key, digest)
    run_id, available = inserted
    dispatch_after_commit(available)
    return Run.objects.get(pk=run_id)


def check_start(
    workflow: str,
    input: Any,  # noqa: A002 - as `start` takes it
    *,
    idempotency_key: str | None = None,
    project: str = "default",
) -> Run | None:
    """Refuse what `start` would refuse, and start nothing.

    Returns: the run that this key and input have already, if any.
    Raises: WorkflowNotFound. InputInvalid. IdempotencyConflict.
    """
    version = _find_latest(workflow, project)
    spec, _ = _load_plan(version.pk, version.digest)
    digest = digest_text(_check_input(spec, input))
    _check_key(idempotency_key)
    try:
        return None if idempotency_key is None else _find_same(version, idempotency_key, digest)
    except Run.DoesNotExist:
        return None


def get_run(run_id: UUID | str) -> Run:
    """Return a run by its id.

    Raises: RunNotFound: also when the text is no UUID.
    """
    try:
        return Run.objects.select_related("workflow").get(pk=run_id)
    except (Run.DoesNotExist, ValueError, ValidationError):
        raise RunNotFound(f"no run {run_id}; `manage.py list_runs` shows them") from None


def wait(run_id: UUID | str, *, timeout_seconds: float) -> Run:
    """Return the run once it is final.

    Raises: RunNotFound. WaitTimedOut: the run goes on; wait again or look at its tickets.
    """
    give_up_at = time.monotonic() + timeout_seconds
    tries = 0
    while (run := get_run(run_id)).status == RunStatus.RUNNING:
        pause = _POLL_SECONDS[min(tries, len(_POLL_SECONDS) - 1)]
        if time.monotonic() + pause > give_up_at:
            raise WaitTimedOut(f"run {run.pk} is still {run.status} after {timeout_seconds:g} s; it goes on")
        time.sleep(pause)
        tries += 1
    return run


def _find_latest(name: str, project: str) -> Workflow:
    version = Workflow.objects.filter(project__slug=project, name=name).order_by("-version").first()
    if version is None:
        raise WorkflowNotFound(f"no workflow '{name}' is published; run `manage.py publish_workflows`")
    return version


@lru_cache(maxsize=256)
def _load_plan(workflow_id: int, digest: str) -> tuple[WorkflowSpec, Plan]:
    # A version never changes; the digest keeps the cache from outliving a database that was made anew.
    spec = load_spec(json.loads(Workflow.objects.get(pk=workflow_id, digest=digest).spec_json))
    return spec, plan_run(spec)


def _check_input(spec: WorkflowSpec, value: Any) -> str:
    if not isinstance(value, dict):
        raise InputInvalid("input: must be a JSON object")
    try:
        text = canonical_json(value, max_bytes=get_conf().MAX_INPUT_BYTES)
    except UnreadableOutput as error:
        raise InputInvalid(f"input{error.path}: {error.reason}") from error
    if spec.input_schema is not None:
        fault = next(iter(Draft202012Validator(spec.input_schema).iter_errors(value)), None)
        if fault is not None:
            path = "".join(f"/{part}" for part in fault.absolute_path)
            raise InputInvalid(f"input{path}: {fault.message}")
    return text


def _check_key(key: str | None) -> None:
    if key is not None and (not 1 <= len(key) <= 200 or not key.isprintable()):
        raise InputInvalid("idempotency_key: must be 1 to 200 printable characters")


def _find_same(version: Workflow, key: str | None, digest: str) -> Run:
    run = Run.objects.get(project_id=version.project_id, workflow_name=version.name, idempotency_key=key)
    if run.input_digest != digest:
        raise IdempotencyConflict(
            f"idempotency_key '{key}' was used for run {run.pk} with another input; choose a new key"
        )
    return run
