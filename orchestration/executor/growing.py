"""What a step may grow before it goes on: its items, the steps its agent spawned, the run it waits for."""

from dataclasses import replace
from typing import Any

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, Failed, FailureKind, canonical_json
from agents.errors import UnreadableOutput
from orchestration.domain.expressions import ExpressionFailed
from orchestration.domain.plan import (
    ChildRun,
    Collected,
    Growth,
    LimitExceeded,
    Limits,
    check_growth,
    check_keys,
)
from orchestration.domain.rows import NewRun, ParentStep, name_child_run
from orchestration.domain.spec import StepSpec
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import InputInvalid, SpecInvalid, WorkflowNotFound
from orchestration.evaluation import evaluate
from orchestration.handoff import count_tokens
from orchestration.planning import describe_new_run, find_latest, get_limits, plan_items, plan_spawned
from orchestration.selectors.trees import count_steps, find_by_key
from orchestration.transitions.expand import start_child_run


def unfold(claim: Claim, spec: StepSpec, values: dict[str, Any]) -> Growth | Collected:
    """Return the items of a `for_each`; without any, its output at once.

    Args: values: what its expression reads. Not within the tokens of a hand-off: no agent is handed it.
    Raises: ExpressionFailed: the expression fails or gives no list.  LimitExceeded: too many, or one too large,
        or with too long a key.
    """
    items = evaluate(spec.for_each or "", values)
    if not isinstance(items, list):
        raise ExpressionFailed(f"'{spec.for_each}': for_each needs a list, this is {items!r:.80}")
    if not items:
        return Collected("[]", "no_items")
    limits = _check(claim, len(items), count_steps(claim.run.run_id))
    growth = replace(plan_items(claim, spec, items), limits=limits)
    check_keys(growth.children)
    for child in growth.children:
        tokens = count_tokens(child.item_json or "")
        if tokens > claim.run.handoff_tokens:
            raise LimitExceeded(
                f"item {child.index} has {tokens} tokens, a hand-off has at most {claim.run.handoff_tokens}; "
                "hand over a reference to it instead"
            )
    return growth


def spawn(claim: Claim, answer: Answered, run_steps: int) -> Growth | Collected | Failed:
    """Return the steps that an accepted answer wants done under it; without any, its output at once.

    A spawn that is wrong, or beyond the limits, makes the attempt a failure.

    Args: run_steps: so many its run has already.
    """
    wanted = answer.spawn or ()
    try:
        limits = _check(claim, len(wanted), run_steps)
        growth = replace(plan_spawned(claim, wanted, answer.output_json), limits=limits)
        check_keys(growth.children)
    except SpecInvalid as error:
        return _refuse_spawn(answer, FailureKind.UNREADABLE, f"spawn: {error}")
    except LimitExceeded as error:
        return _refuse_spawn(answer, FailureKind.LIMIT, str(error))
    return growth if growth.children else Collected(dump_alone(answer), "nothing_spawned")


def dump_alone(answer: Answered) -> str:
    """Return what an answer that may spawn is stored as while nothing was spawned.

    Raises: UnreadableOutput: it is within the limits by itself only.
    """
    return canonical_json({"output": answer.output, "spawned": {}})


def check_spawner(answer: Answered) -> Answered | Failed:
    """Return an answer that may spawn, or why it can't be stored as one: it must not turn out so at the end."""
    try:
        dump_alone(answer)
    except UnreadableOutput as error:
        return _refuse_spawn(answer, FailureKind.UNREADABLE, f"{error} (as a step that spawns stores it)")
    return answer


def _check(claim: Claim, children: int, run_steps: int) -> Limits:
    limits = get_limits()
    check_growth(children, run_steps, claim.depth + 1, limits)
    return limits


def _refuse_spawn(answer: Answered, kind: FailureKind, message: str) -> Failed:
    return describe_refusal(kind, message, answer.agent, agent_version=answer.agent_version)


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
