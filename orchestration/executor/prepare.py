"""From a claim to the agent's task: the hand-off under its budget, the condition, the resolved input."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import DatabaseError

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Failed, FailureKind, Task
from agents.errors import UnreadableOutput
from orchestration.domain.expressions import ExpressionFailed, referenced_steps
from orchestration.domain.plan import AskPerson, LimitExceeded, local_name
from orchestration.domain.policy import Ending, PassedOver
from orchestration.domain.receipts import AttemptLine, canonical
from orchestration.domain.spec import HUMAN, StepSpec
from orchestration.domain.states import PASSED_OVER, Stage, StepKind, StepStatus
from orchestration.domain.work import Claim, Facts
from orchestration.errors import BudgetExceeded, ClaimLost
from orchestration.evaluation import evaluate
from orchestration.executor.cancellation import ask_whether_cancelled
from orchestration.executor.children import plan_child
from orchestration.executor.deadlines import find_out_of_time
from orchestration.executor.grow import collect, originals, unfold
from orchestration.executor.specs import instructions
from orchestration.handoff import Handed, assemble_handoff
from orchestration.selectors.proof import load_attempt_lines, load_handoff_lines


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an attempt starts from: a task for the agent, or the reason why there is none; and what its end needs."""

    task: Task | Ending
    facts: Facts


def prepare(claim: Claim, spec: StepSpec) -> Prepared:
    """Assemble what a claimed step receives and build its agent's task, or collect what its children gave.

    Raises: ClaimLost: the claim passed on while a summary was written.
    """
    earlier = _read_earlier(claim)
    if claim.stage is not Stage.FRESH:
        return _end(claim, collect(claim, spec), earlier)
    late = find_out_of_time(claim, spec, earlier)
    if late is not None:
        return _end(claim, late, earlier)
    try:
        handed = assemble_handoff(claim)
    except BudgetExceeded as error:
        return _end(claim, _fail(claim, FailureKind.BAD_INPUT, error), earlier)
    except (ClaimLost, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001 - a summariser is anybody's code; its fault is this attempt's
        return _end(claim, _fail(claim, FailureKind.UNKNOWN, error), earlier)
    return Prepared(_build_task(claim, spec, handed), Facts(handed.lines, earlier))


def load_facts(claim: Claim) -> Facts:
    """Return the facts of an attempt that others prepared, from its rows."""
    return _read_facts(claim, _read_earlier(claim))


def _build_task(claim: Claim, spec: StepSpec, handed: Handed) -> Task | Ending:
    listed = referenced_steps(spec.for_each or "")
    missing = _find_missing(claim, listed)
    if missing is not None:
        return PassedOver("need_passed_over", f"it needs the output of '{missing}', which was passed over")
    run_input = orjson.loads(claim.run.input_json)
    item = None if claim.item_json is None else orjson.loads(claim.item_json)
    values = {"input": run_input, "steps": handed.values, "item": item}
    try:
        if spec.when is not None and not _is_true(spec.when, values):
            return PassedOver("condition_false", f"its condition is false: {spec.when}")
        if spec.for_each is not None:
            return unfold(claim, spec, {"input": run_input, "steps": originals(claim, listed)})
        return _address(claim, spec, handed, _resolve_input(claim, spec, values), values)
    except LimitExceeded as error:
        return _fail(claim, FailureKind.LIMIT, error)
    except (ExpressionFailed, UnreadableOutput) as error:
        # Unreadable is what was computed and can't be kept, such as 2^53.
        return _fail(claim, FailureKind.BAD_INPUT, error)


def _address(
    claim: Claim, spec: StepSpec, handed: Handed, resolved: Any, values: dict[str, Any]
) -> Task | Ending:
    """Return the work for whoever does the step: a child run, a person, or an agent."""
    item, run_input = values["item"], values["input"]
    if spec.workflow is not None:
        return plan_child(claim, spec.workflow, resolved)
    if spec.agent == HUMAN:
        return AskPerson(
            canonical({"input": resolved, "handoff": handed.values, "form": spec.form, "item": item})
        )
    return Task(
        input=resolved,
        handoff=handed.values,
        run_input=run_input,
        run_id=str(claim.run.run_id),
        step_key=claim.key,
        attempt=claim.attempt,
        token=str(claim.token),
        idempotency_key=claim.idempotency_key,
        feedback=claim.feedback or None,
        index=claim.index if claim.kind is StepKind.ITEM else None,
        item=item,
        deadline_at=claim.deadline_at,
        is_cancelled=ask_whether_cancelled(claim),
    )


def _resolve_input(claim: Claim, spec: StepSpec, values: dict[str, Any]) -> Any:
    """Return what the agent is given as its input: a verifier sees the output it judges and what was asked for."""
    if claim.kind is StepKind.VERIFIER:
        return {"output": values["item"], "instructions": instructions(claim)}
    if claim.kind is StepKind.COMPENSATION:
        return {"output": values["item"]}
    return {name: evaluate(source, values) for name, source in spec.input.items()}


def _is_true(condition: str, values: dict[str, Any]) -> bool:
    answer = evaluate(condition, values)
    if not isinstance(answer, bool):
        raise ExpressionFailed(f"'{condition}': a condition must be true or false, this is {answer!r}")
    return answer


def _find_missing(claim: Claim, listed: Collection[str]) -> str | None:
    """Return a needed step that was passed over, unless the need is optional.

    Args: listed: steps that its list is read from; it needs those too.
    """
    for before in claim.predecessors:
        passed_over = before.status is StepStatus.SKIPPED and before.skip_reason in PASSED_OVER
        is_needed = before.carries_data or local_name(before.key) in listed
        if passed_over and is_needed and not before.is_optional:
            return before.key
    return None


def fail_unread(claim: Claim, error: Exception) -> Prepared:
    """Return the failed start of a step whose spec can't be read."""
    return _end(claim, _fail(claim, FailureKind.UNKNOWN, error), _read_earlier(claim))


def _end(claim: Claim, ending: Ending, earlier: tuple[AttemptLine, ...]) -> Prepared:
    return Prepared(ending, _read_facts(claim, earlier))


def _read_facts(claim: Claim, earlier: tuple[AttemptLine, ...]) -> Facts:
    """Return what the rows say was handed: a summary may have been recorded before the fault."""
    return Facts(load_handoff_lines(claim.step_id, claim.attempt), earlier)


def _read_earlier(claim: Claim) -> tuple[AttemptLine, ...]:
    """Return the attempts before this one; nothing is read for the first."""
    return load_attempt_lines(claim.step_id, before=claim.attempt) if claim.attempt > 1 else ()


def _fail(claim: Claim, kind: FailureKind, error: Exception) -> Failed:
    return describe_refusal(kind, str(error), claim.agent, error_class=type(error).__name__)
