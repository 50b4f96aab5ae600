"""Starts the run that a step waits for: the latest version of its workflow, in the same project."""

from typing import Any

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Failed, FailureKind
from orchestration.domain.plan import ChildRun
from orchestration.domain.rows import NewRun, ParentStep, name_child_run
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import InputInvalid, WorkflowNotFound
from orchestration.planning import describe_new_run, find_latest, get_limits
from orchestration.selectors.trees import find_by_key
from orchestration.transitions.expand import start_child_run


def plan_child(claim: Claim, workflow: str, value: Any) -> ChildRun | Failed:
    """Return the run that a step wants to wait for, or why there can be none."""
    limit = get_limits().run_depth
    if claim.run.depth + 1 > limit:
        message = f"child runs would stand {claim.run.depth + 1} deep; MAX_RUN_DEPTH is {limit}"
        return describe_refusal(FailureKind.LIMIT, message, claim.agent)
    try:
        new = _describe(claim, ChildRun(workflow, value))
    except WorkflowNotFound as error:
        return describe_refusal(FailureKind.PERMANENT, str(error), claim.agent)
    except InputInvalid as error:
        return describe_refusal(FailureKind.BAD_INPUT, f"the child run's {error}", claim.agent)
    taken = find_by_key(new.project_id, new.workflow_name, new.idempotency_key)
    if taken is not None:
        message = f"run {taken} has the idempotency key '{new.idempotency_key}' of the child run; send the step back"
        return describe_refusal(FailureKind.PERMANENT, message, claim.agent)
    return ChildRun(workflow, value)


def start_child(claim: Claim, end: AttemptEnd, child: ChildRun) -> list[int]:
    """Let a step wait for its child run, and return the run's steps that can be performed at once.

    Raises: ClaimLost. IdempotencyConflict: nothing was written.
    """
    return start_child_run(claim, end, _describe(claim, child))


def _describe(claim: Claim, child: ChildRun) -> NewRun:
    version = find_latest(child.workflow, project_id=claim.run.project_id)
    return describe_new_run(
        version,
        child.input,
        idempotency_key=name_child_run(claim.step_id, claim.run.round, claim.revision, claim.attempt),
        priority=claim.run.priority,
        parent=ParentStep(claim.step_id, claim.run.root_id, claim.run.depth + 1),
    )
