"""The step's spec, from the workflow version its run stays on."""

import json
from functools import lru_cache

import structlog

from orchestration.domain.spec import StepSpec, load_spec
from orchestration.domain.work import Claim
from orchestration.models import Workflow
from orchestration.transitions.statements import DATABASE_AWAY

log = structlog.get_logger(__name__)


@lru_cache(maxsize=256)
def _load_steps(workflow_id: int, digest: str) -> dict[str, StepSpec]:
    # The digest is part of the key so that a cache can never outlive a database that was made anew.
    return load_spec(json.loads(Workflow.objects.get(pk=workflow_id, digest=digest).spec_json)).step_map


def get_step_spec(claim: Claim) -> StepSpec:
    """Return the spec of a claimed step. Versions are immutable, so each is read once per process."""
    return _load_steps(claim.run.workflow_id, claim.run.workflow_digest)[claim.key]


def get_spec_or_plain(claim: Claim) -> StepSpec:
    """Return the step's spec, or one of defaults when it can't be read any more: a person decides by those.

    Raises: django.db.OperationalError, InterfaceError: the database is away; that says nothing of the spec.
    """
    try:
        return get_step_spec(claim)
    except DATABASE_AWAY:
        raise
    except Exception:
        log.exception("spec_unreadable", step=claim.step_id, next="the step goes to a person")
        return StepSpec(claim.key, agent=claim.agent)
