"""What a step grows before it goes on, and what it makes of its children when they are done."""

import json
from collections.abc import Collection
from typing import Any

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, Failed, FailureKind, canonical_json
from agents.errors import UnreadableOutput
from orchestration.conf import get_conf
from orchestration.domain.expressions import ExpressionFailed
from orchestration.domain.plan import (
    Collected,
    Growth,
    LimitExceeded,
    Verdicts,
    check_growth,
    check_keys,
    is_verifier,
    local_name,
)
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import RunStatus, Stage
from orchestration.domain.verdicts import read_verdict, tally
from orchestration.domain.work import Claim, Predecessor
from orchestration.errors import SpecInvalid
from orchestration.evaluation import evaluate
from orchestration.executor.bounds import describe_excess
from orchestration.handoff import count_tokens
from orchestration.planning import get_limits, plan_items, plan_spawned
from orchestration.selectors.trees import count_steps, find_child_run, read_run_output


def unfold(claim: Claim, spec: StepSpec, values: dict[str, Any]) -> Growth | Collected:
    """Return the items of a `for_each`; without any, its output at once.

    Args: values: what its expression reads. Not under the token budget: no agent is handed it.
    Raises: ExpressionFailed: the expression fails or gives no list.  LimitExceeded: too many, or one too large,
        or with too long a key.
    """
    items = evaluate(spec.for_each or "", values)
    if not isinstance(items, list):
        raise ExpressionFailed(f"'{spec.for_each}': for_each needs a list, this is {items!r:.80}")
    if not items:
        return Collected("[]", "no_items")
    _check(claim, len(items), count_steps(claim.run.run_id))
    growth = plan_items(claim, spec, items)
    check_keys(growth.children)
    for child in growth.children:
        tokens = count_tokens(child.item_json or "")
        if tokens > claim.run.token_budget:
            raise LimitExceeded(
                f"item {child.index} has {tokens} tokens, the budget of a hand-off is {claim.run.token_budget}; "
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
        _check(claim, len(wanted), run_steps)
        growth = plan_spawned(claim, wanted, answer.output_json)
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


def collect(claim: Claim, spec: StepSpec) -> Collected | Verdicts | Failed:
    """Return what the children of a step gave, now that all of them are done."""
    children = sorted((p for p in claim.predecessors if p.is_child), key=lambda p: p.index)
    try:
        if claim.stage in (Stage.ITEMS, Stage.SPAWNED):
            excess = describe_excess(claim, children)
            if excess is not None:
                return describe_refusal(FailureKind.LIMIT, excess, claim.agent)
        match claim.stage:
            case Stage.ITEMS:
                return Collected(_put_together([json.loads(c.output_json) for c in children]), "items_done")
            case Stage.SPAWNED:
                return Collected(_gather_spawned(claim, children), "spawned_done")
            case Stage.CHILD_RUN:
                return _collect_run(claim)
            case _:
                return _collect_verdicts(claim, spec, children)
    except UnreadableOutput as error:
        limit = get_conf().MAX_COLLECTED_BYTES
        words = f"what is done can't be put together (MAX_COLLECTED_BYTES is {limit:,}): {error}"
        return describe_refusal(FailureKind.UNREADABLE, words, claim.agent)


def _gather_spawned(claim: Claim, children: list[Predecessor]) -> str:
    said = json.loads(claim.proposed_json or "null")
    return _put_together(
        {"output": said, "spawned": {local_name(c.key): json.loads(c.output_json) for c in children}}
    )


def _put_together(value: Any) -> str:
    """Return what several put out as one output: that may be larger than what one agent may say.

    Raises: UnreadableOutput: it is too large all the same, as commas and keys count too, or nested too deeply.
    """
    return canonical_json(value, max_bytes=get_conf().MAX_COLLECTED_BYTES)


def _collect_run(claim: Claim) -> Collected | Failed:
    child = find_child_run(claim.step_id)
    if child is None:
        return describe_refusal(FailureKind.UNKNOWN, "its child run is not there any more", claim.agent)
    if child.status == RunStatus.SUCCEEDED:
        return Collected(_put_together(read_run_output(child.pk)), "child_run_done")
    message = f"its child run {child.pk} is {child.status}: {child.reason}"
    return describe_refusal(FailureKind.CHILD_FAILED, message, claim.agent)


def _collect_verdicts(claim: Claim, spec: StepSpec, children: list[Predecessor]) -> Verdicts:
    # A step that spawned before it was verified has those children too.
    verifiers = [child for child in children if is_verifier(child.key)]
    verdicts = [read_verdict(json.loads(verifier.output_json)) for verifier in verifiers]
    return Verdicts(
        output_json=claim.proposed_json or "null",
        passed=tally([passed for passed, _ in verdicts], spec.verify.rule if spec.verify else "all"),
        reasons=tuple(reason for passed, reasons in verdicts if not passed for reason in reasons),
    )


def _check(claim: Claim, children: int, run_steps: int) -> None:
    check_growth(children, run_steps, claim.depth + 1, get_limits())


def _refuse_spawn(answer: Answered, kind: FailureKind, message: str) -> Failed:
    return describe_refusal(kind, message, answer.agent, agent_version=answer.agent_version)


def originals(claim: Claim, read: Collection[str]) -> dict[str, Any]:
    """Return what an expression reads of the steps before, whole: for the engine's own eyes, no agent is handed it."""
    return {
        local_name(p.key): json.loads(p.output_json)
        for p in claim.predecessors
        if local_name(p.key) in read and not p.is_child
    }
