"""What a workflow is: an immutable, versioned list of steps.

A spec is data: its JSON form and its Python form are equal, and its digest is its version. Building one checks
everything that can be checked without knowing which agents exist; `check_agents` does the rest at publishing.
Read next: `expressions.py`, then `orchestration/runs.py`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, Self, cast

import rfc8785
from jsonschema import Draft202012Validator, SchemaError
from pydantic import ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from orchestration.domain.expressions import ExpressionInvalid, compile_expression, referenced_steps
from orchestration.errors import Problem, SpecInvalid

KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z")
NAME = re.compile(r"[a-z][a-z0-9-]{0,99}\Z")
MAX_STEPS = 5_000
_CONFIG = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Retry:
    """How often and how fast a transient failure is tried again.

    Attributes: max_attempts: tries in all, 1 to 50. backoff_base_seconds: the wait before attempt n+1 is
        base ** (n - 1) seconds. jitter_seconds: a uniform random 0..jitter is added.
    """

    max_attempts: int = 3
    backoff_base_seconds: float = 2.0
    jitter_seconds: float = 0.5

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(1 <= self.max_attempts <= 50, "max_attempts must be between 1 and 50")
        _require(0 <= self.backoff_base_seconds <= 3600, "backoff_base_seconds must be between 0 and 3600")
        _require(0 <= self.jitter_seconds <= 3600, "jitter_seconds must be between 0 and 3600")
        return self


@dataclass(frozen=True, config=_CONFIG)
class StepSpec:
    """One node of a workflow.

    Attributes:
        key: unique in the workflow; expressions read it as `steps.<key>`.
        agent: the agent that performs it.
        input: name -> CEL expression over {input, steps}; empty: the agent gets {}.
        needs: steps whose output it receives.  after: steps it only waits for.
        optional: those of `needs` that may have been skipped by their condition.
        when: CEL condition; false: the step is skipped.
        critical: False: a failure skips the step and its successors receive null.
        min_confidence: below it a person decides; None: the engine's default for agents that state one.
        timeout_seconds: of one attempt; None: the agent's own, else the engine's.
        on_failure: what follows when nothing else helps.
    """

    key: str
    agent: str = field(kw_only=True)
    input: dict[str, str] = field(default_factory=dict, kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    after: tuple[str, ...] = field(default=(), kw_only=True)
    optional: tuple[str, ...] = field(default=(), kw_only=True)
    when: str | None = field(default=None, kw_only=True)
    critical: bool = field(default=True, kw_only=True)
    min_confidence: float | None = field(default=None, kw_only=True)
    retry: Retry = field(default_factory=Retry, kw_only=True)
    timeout_seconds: float | None = field(default=None, kw_only=True)
    on_failure: Literal["escalate", "abort"] = field(default="escalate", kw_only=True)

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Return every step this one waits for, each once, needs first."""
        return tuple(dict.fromkeys((*self.needs, *self.after)))


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class WorkflowSpec:
    """A workflow: its name, what it accepts, and its steps in any order.

    Attributes: sla: the class of its tickets' clocks, e.g. "customer-facing" or "internal".
        input_schema: JSON Schema of a run's input; None accepts any JSON object.
    Raises: pydantic.ValidationError: naming step and field (`load_spec` gives SpecInvalid instead).
    """

    name: str
    steps: tuple[StepSpec, ...]
    sla: str = "internal"
    description: str = ""
    input_schema: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = list(_find_problems(self))
        if problems:
            text = "\n".join(str(problem) for problem in problems)
            raise PydanticCustomError("spec_invalid", "{text}", {"text": text, "problems": problems})
        return self

    @property
    def step_map(self) -> dict[str, StepSpec]:
        """Return the steps by key."""
        return {step.key: step for step in self.steps}


_ADAPTER = TypeAdapter(WorkflowSpec)


def load_spec(data: object) -> WorkflowSpec:
    """Build a spec from its JSON form.

    Raises: SpecInvalid: every problem, with step and field.
    """
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise SpecInvalid(list(_problems_of(error, data))) from error


def dump_spec(spec: WorkflowSpec) -> dict[str, Any]:
    """Return the JSON form: only what differs from the defaults, so that new fields change no digest."""
    dumped: dict[str, Any] = _ADAPTER.dump_python(spec, mode="json", exclude_defaults=True)
    return dumped


def canonical_spec(spec: WorkflowSpec) -> str:
    """Return the spec's canonical JSON (RFC 8785)."""
    return rfc8785.dumps(dump_spec(spec)).decode()


def digest_spec(canonical: str) -> str:
    """Return the SHA-256 of a canonical spec as 64 hex digits: the content's version."""
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_agents(spec: WorkflowSpec, find_agent: Callable[[str], object | None]) -> None:
    """Refuse a spec that names an agent nobody registered.

    Raises: SpecInvalid: one problem per step.
    """
    problems = [
        Problem(
            step.key, "agent", f"unknown agent '{step.agent}'; `manage.py list_agents` shows the known ones"
        )
        for step in spec.steps
        if find_agent(step.agent) is None
    ]
    if problems:
        raise SpecInvalid(problems)


def order_steps(spec: WorkflowSpec) -> list[StepSpec]:
    """Return the steps so that each stands behind those it waits for; ties keep the spec's order."""
    position = {step.key: i for i, step in enumerate(spec.steps)}
    sorter = TopologicalSorter({step.key: step.predecessors for step in spec.steps})
    sorter.prepare()
    ordered: list[StepSpec] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        ordered.extend(spec.steps[position[key]] for key in ready)
        sorter.done(*ready)
    return ordered


def _require(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise ValueError(message)


def _find_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    if not NAME.match(spec.name):
        yield Problem(
            None, "name", f"'{spec.name}' must be lower-case letters, digits and dashes, at most 100"
        )
    if not spec.steps:
        yield Problem(None, "steps", "a workflow needs at least one step")
    if len(spec.steps) > MAX_STEPS:
        yield Problem(None, "steps", f"at most {MAX_STEPS} steps, this has {len(spec.steps)}")
    yield from _schema_problems(spec.input_schema)
    seen: set[str] = set()
    for step in spec.steps:
        if step.key in seen:
            yield Problem(step.key, "key", "another step has the same key")
        seen.add(step.key)
    for step in spec.steps:
        yield from _step_problems(step, seen)
    yield from _cycle_problems(spec, seen)


def _schema_problems(schema: Mapping[str, Any] | None) -> Iterator[Problem]:
    if schema is None:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield Problem(None, "input_schema", error.message)


def _step_problems(step: StepSpec, keys: set[str]) -> Iterator[Problem]:
    if not KEY.match(step.key):
        yield Problem(step.key, "key", "must start with a letter, then letters, digits, _ or -, at most 100")
    for name, others, known, reason in (
        ("needs", step.needs, keys, "no step '{}' in this workflow"),
        ("after", step.after, keys, "no step '{}' in this workflow"),
        ("optional", step.optional, set(step.needs), "'{}' is not in needs"),
    ):
        yield from (Problem(step.key, name, reason.format(other)) for other in others if other not in known)
    yield from _bound_problems(step)
    for name, source in step.input.items():
        yield from _expression_problems(step, f"input.{name}", source)
    if step.when is not None:
        yield from _expression_problems(step, "when", step.when)


def _bound_problems(step: StepSpec) -> Iterator[Problem]:
    if step.min_confidence is not None and not 0 <= step.min_confidence <= 1:
        yield Problem(step.key, "min_confidence", "must be between 0 and 1")
    if step.timeout_seconds is not None and not 0 < step.timeout_seconds <= 86_400:
        yield Problem(step.key, "timeout_seconds", "must be above 0 and at most 86400")


def _expression_problems(step: StepSpec, place: str, source: str) -> Iterator[Problem]:
    try:
        compile_expression(source)
    except ExpressionInvalid as error:
        yield Problem(step.key, place, f"bad CEL expression: {error}")
        return
    for other in sorted(referenced_steps(source) - set(step.needs)):
        yield Problem(step.key, place, f"reads steps.{other}, which is not in needs")


def _cycle_problems(spec: WorkflowSpec, keys: set[str]) -> Iterator[Problem]:
    graph = {step.key: [key for key in step.predecessors if key in keys] for step in spec.steps}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = list(reversed(error.args[1]))
        yield Problem(cycle[0], "needs", "these steps wait for each other: " + " -> ".join(cycle))


def _problems_of(error: ValidationError, data: object) -> Iterator[Problem]:
    for fault in error.errors():
        place = [str(part) for part in fault["loc"]]
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "spec_invalid":
            yield from fault["ctx"]["problems"]
        elif len(place) > 1 and place[0] == "steps":
            yield Problem(_key_at(data, place[1]), ".".join(place[2:]) or "step", message)
        else:
            yield Problem(None, ".".join(place) or "workflow", message)


def _key_at(data: object, position: str) -> str:
    try:
        return str(cast("Any", data)["steps"][int(position)]["key"])
    except (KeyError, TypeError, ValueError, IndexError):
        return f"#{position}"
