"""The step's spec, from the workflow version its run stays on."""

import json
from functools import lru_cache
from typing import Any

import structlog

from orchestration.domain.plan import resolve_spec
from orchestration.domain.spec import HUMAN, StepSpec, dump_step, load_spec
from orchestration.domain.states import StepKind
from orchestration.domain.work import Claim
from orchestration.models import Workflow
from orchestration.outages import is_away

log = structlog.get_logger(__name__)


@lru_cache(maxsize=256)
def _load_steps(workflow_id: int, digest: str) -> dict[str, StepSpec]:
    # The digest is part of the key so that a cache can never outlive a database that was made anew.
    return load_spec(json.loads(Workflow.objects.get(pk=workflow_id, digest=digest).spec_json)).step_map


def get_step_spec(claim: Claim) -> StepSpec:
    """Return the spec of a claimed step. Versions are immutable, so each is read once per process."""
    steps = _load_steps(claim.run.workflow_id, claim.run.workflow_digest)
    if claim.kind is StepKind.PLANNED:
        return steps[claim.spec_key]
    return resolve_spec(steps, claim.kind, claim.spec_key, claim.spec_json, claim.agent)


def instructions(claim: Claim) -> dict[str, Any]:
    """Return what the step was asked that a verifier judges: its spec as JSON."""
    steps = _load_steps(claim.run.workflow_id, claim.run.workflow_digest)
    asked = resolve_spec(steps, StepKind.SPAWNED, claim.spec_key, claim.spec_json, claim.agent)
    said: dict[str, Any] = json.loads(dump_step(asked))
    return said


def get_spec_or_plain(claim: Claim) -> StepSpec:
    """Return the step's spec, or one of defaults when it can't be read any more: a person decides by those.

    Raises: django.db.Error: the database is away; that says nothing of the spec.
    """
    try:
        return get_step_spec(claim)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("spec_unreadable", step=claim.step_id, next="the step goes to a person")
        return StepSpec(claim.spec_key, agent=claim.agent or HUMAN)
