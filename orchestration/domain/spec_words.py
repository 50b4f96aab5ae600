"""What the words of a spec must hold to that speak of a run's end and of people. Read first: `spec_rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from agents.domain.canonical import canonical_json
from agents.domain.json_schema import SchemaInvalid, find_fault
from agents.errors import UnreadableOutput
from orchestration.domain.expressions import ExpressionInvalid, compile_expression, referenced_steps
from orchestration.errors import Problem

if TYPE_CHECKING:
    from agents.domain.contract import AgentContract
    from orchestration.domain.spec import StepSpec

RESULT_NAMES: Final = frozenset({"input", "steps"})
"""What the output of a workflow reads."""


def find_output_problems(source: str, keys: set[str]) -> Iterator[Problem]:
    """Yield what is wrong with the output of a workflow that has these steps."""
    try:
        compile_expression(source, RESULT_NAMES)
    except ExpressionInvalid as error:
        yield Problem(None, "output", f"bad CEL expression: {error}")
        return
    for other in sorted(referenced_steps(source) - keys):
        yield Problem(None, "output", f"reads steps.{other}, which is no step of this workflow")


def find_word_problems(step: StepSpec, *, is_person: bool) -> Iterator[Problem]:
    """Yield what is wrong with a step's safe default and with its part of a sample."""
    yield from _default_problems(step)
    if step.audit_rate is None:
        return
    if not 0 <= step.audit_rate <= 1:
        yield Problem(step.key, "audit_rate", "must be between 0 and 1")
    if is_person or step.workflow is not None:
        yield Problem(step.key, "audit_rate", "only an agent's answers are sampled; remove it")


def _default_problems(step: StepSpec) -> Iterator[Problem]:
    if step.safe_default is None:
        return
    try:
        canonical_json(step.safe_default)
    except UnreadableOutput as error:
        yield Problem(step.key, "safe_default" + error.path.replace("/", "."), error.reason)
        return
    if step.form is not None:
        yield from _misfits(step, step.form, "the form")


def find_output_misfits(
    steps: Sequence[StepSpec], find_agent: Callable[[str], AgentContract | None]
) -> list[Problem]:
    """Return what steps say of their outputs that these, by the schema of their agent, can't be."""
    found: list[Problem] = []
    for step in steps:
        contract = find_agent(step.agent) if step.agents.get("agent") else None
        schema = contract.output_schema if contract else None
        if step.safe_default is not None and schema is not None:
            found += _misfits(step, schema, f"the output schema of '{step.agent}'")
        found += _find_strange_places(step, step.form or schema)
    return found


def _find_strange_places(step: StepSpec, schema: Mapping[str, Any] | None) -> Iterator[Problem]:
    if step.review is None or schema is None:
        return
    for name, place in step.review.places:
        if not _may_have(schema, place.split(".")):
            yield Problem(step.key, f"review.{name}", f"'{place}' is no field of what the step puts out")


def _may_have(schema: Any, keys: Sequence[str]) -> bool:
    """Tell whether a value of a schema may have a field; what the schema leaves open may have any."""
    while isinstance(schema, Mapping) and isinstance(schema.get("items"), Mapping):
        schema = schema["items"]
    if not keys or not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return True
    if keys[0] in schema["properties"]:
        return _may_have(schema["properties"][keys[0]], keys[1:])
    return schema.get("additionalProperties") is not False


def _misfits(step: StepSpec, schema: Mapping[str, Any], name: str) -> Iterator[Problem]:
    try:
        fault = find_fault(schema, step.safe_default)
    except SchemaInvalid:
        return  # told of the schema itself
    if fault is not None:
        place = "safe_default" + fault[0].replace("/", ".")
        yield Problem(step.key, place, f"{name} does not allow it: {fault[1]}")
