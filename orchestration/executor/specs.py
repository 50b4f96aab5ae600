"""The step's spec, from the workflow version its run stays on."""

import json
from functools import lru_cache

from orchestration.domain.spec import StepSpec, load_spec
from orchestration.domain.work import Claim
from orchestration.models import Workflow


@lru_cache(maxsize=256)
def _load_steps(workflow_id: int, digest: str) -> dict[str, StepSpec]:
    # The digest is part of the key so that a cache can never outlive a database that was made anew.
    return load_spec(json.loads(Workflow.objects.get(pk=workflow_id, digest=digest).spec_json)).step_map


def get_step_spec(claim: Claim) -> StepSpec:
    """Return the spec of a claimed step. Versions are immutable, so each is read once per process."""
    return _load_steps(claim.run.workflow_id, claim.run.workflow_digest)[claim.key]
