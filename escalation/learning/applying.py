"""Taking a threshold over: a new version of the workflow, published by a person and told in the audit."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.learning.calibrating import find_threshold
from orchestration import runs


@dataclass(frozen=True, slots=True)
class Applied:
    """A threshold that was taken over.

    Attributes: version: of the workflow.  is_new: False when the latest version said the same already.
        is_in_code: the workflow is also defined in code, whose next `publish_workflows` would undo it.
    """

    version: int
    is_new: bool
    is_in_code: bool


def apply_threshold(
    project: str, workflow: str, step: str, confidence: float, user: AbstractBaseUser
) -> Applied:
    """Publish a workflow with this threshold at a step; runs that were started keep their version.

    Args: project: its slug.  step: its key in the spec.  confidence: 0 to 1.
    Raises: WorkflowNotFound, StepNotFound, SpecInvalid: nothing was published.
    """
    with transaction.atomic():
        before = find_threshold(project, workflow, step)
        published = runs.set_threshold(workflow, step, confidence, project=project)
        if published.is_new:
            record(
                Act.CHANGED,
                user,
                what="threshold",
                project=project,
                workflow=workflow,
                step=step,
                version=published.workflow.version,
                before=before,
                after=confidence,
            )
    is_in_code = any(spec.name == workflow for spec in runs.find_code_specs())
    return Applied(published.workflow.version, published.is_new, is_in_code)
