"""What a workflow is: an immutable, versioned list of steps.

A spec is data: its JSON form and its Python form are equal, and its digest is its version. Building one checks
everything that can be checked without knowing which agents exist; `check_agents` does the rest at publishing.
Read next: `expressions.py`, then `orchestration/runs.py`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, Self, cast

import rfc8785
from jsonschema import Draft202012Validator, SchemaError
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from orchestration.domain.expressions import (
    ExpressionInvalid,
    compile_expression,
    reads_item,
    referenced_steps,
)
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


HUMAN = "human"
"""The agent name of steps that people do: always a ticket."""
ENGINE_AGENTS = frozenset({"", HUMAN})
"""What steps name that need no registered agent: a child run, or a person."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
"""Agent names; a single one may be given bare."""


@dataclass(frozen=True, config=_CONFIG)
class Verify:
    """A gate: nothing of the step gets through before its verifiers, or a person, let it.

    Attributes: agents: one or more; each sees the output, the step's instructions and its hand-off, and answers
        {"verdict": "PASS" | "FAIL", "reasons": [...]}.  rule: how many must pass.
        max_revisions: how often the step may try again with the reasons before a person is asked.
    """

    agents: Names
    rule: Literal["all", "majority"] = field(default="all", kw_only=True)
    max_revisions: int = field(default=1, kw_only=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(1 <= len(self.agents) <= 20, "agents must name 1 to 20 verifiers")
        _require(0 <= self.max_revisions <= 20, "max_revisions must be between 0 and 20")
        return self


@dataclass(frozen=True, config=_CONFIG)
class StepSpec:
    """One node of a workflow.

    Attributes:
        key: unique in the workflow; expressions read it as `steps.<key>`.
        agent: the agent that performs it; `name@2` pins its version; `human` is a person.
        workflow: instead of an agent, the workflow of a child run.
        input: name -> CEL expression over {input, steps, item}; empty: the agent gets {}.
        for_each: CEL list over {input, steps}; the step is done once per item, its output is the list in order.
        form: JSON Schema of what a person fills in; only with `human`.
        needs: steps whose output it receives.  after: steps it only waits for.
        optional: those of `needs` that may have been skipped by their condition.
        when: CEL condition; false: the step is skipped.
        critical: False: a failure skips the step and its successors receive null.
        min_confidence: below it a person decides; None: the engine's default for agents that state one.
        timeout_seconds: of one attempt; None: the agent's own, else the engine's.
        fallback: agents that are asked in turn when the one before gave up.
        verify: the gate its output must pass.
        compensate: agent that undoes the step when the run is aborted after it succeeded.
        max_reworks: how often later steps may send their work back to this one.
        on_failure: what follows when nothing else helps.
    """

    key: str
    agent: str = field(default="", kw_only=True)
    workflow: str | None = field(default=None, kw_only=True)
    input: dict[str, str] = field(default_factory=dict, kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    after: tuple[str, ...] = field(default=(), kw_only=True)
    optional: tuple[str, ...] = field(default=(), kw_only=True)
    when: str | None = field(default=None, kw_only=True)
    for_each: str | None = field(default=None, kw_only=True)
    form: dict[str, Any] | None = field(default=None, kw_only=True)
    critical: bool = field(default=True, kw_only=True)
    min_confidence: float | None = field(default=None, kw_only=True)
    retry: Retry = field(default_factory=Retry, kw_only=True)
    timeout_seconds: float | None = field(default=None, kw_only=True)
    fallback: Names = field(default=(), kw_only=True)
    verify: Verify | None = field(default=None, kw_only=True)
    compensate: str | None = field(default=None, kw_only=True)
    max_reworks: int = field(default=1, kw_only=True)
    on_failure: Literal["escalate", "abort"] = field(default="escalate", kw_only=True)

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Return every step this one waits for, each once, needs first."""
        return tuple(dict.fromkeys((*self.needs, *self.after)))

    @property
    def agents(self) -> dict[str, tuple[str, ...]]:
        """Return every agent the step names, by the field that names it."""
        named = {
            "agent": (self.agent,) if self.agent and self.agent != HUMAN else (),
            "fallback": self.fallback,
            "verify": self.verify.agents if self.verify else (),
            "compensate": (self.compensate,) if self.compensate else (),
        }
        return {place: names for place, names in named.items() if names}


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class WorkflowSpec:
    """A workflow: its name, what it accepts, and its steps in any order.

    Attributes: sla: the class of its tickets' clocks, e.g. "customer-facing" or "internal".
        input_schema: JSON Schema of a run's input; None accepts any JSON object.
        timeout_seconds: of a whole run; no retry outlives it; None: no deadline.
    Raises: pydantic.ValidationError: naming step and field (`load_spec` gives SpecInvalid instead).
    """

    name: str
    steps: tuple[StepSpec, ...]
    sla: str = "internal"
    description: str = ""
    input_schema: dict[str, Any] | None = None
    timeout_seconds: float | None = None

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
_STEP_ADAPTER = TypeAdapter(StepSpec)


def load_spec(data: object) -> WorkflowSpec:
    """Build a spec from its JSON form.

    Raises: SpecInvalid: every problem, with step and field.
    """
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise SpecInvalid(list(_problems_of(error, data))) from error


def load_step(data: object) -> StepSpec:
    """Build one step's spec from its JSON form, or pass a built one on.

    Raises: SpecInvalid: what is wrong with it by itself; its needs are not looked at.
    """
    try:
        return _STEP_ADAPTER.validate_python(data)
    except ValidationError as error:
        raise SpecInvalid(list(_problems_of(error, data))) from error


def dump_step(step: StepSpec) -> str:
    """Return one step's spec as canonical JSON."""
    return rfc8785.dumps(_STEP_ADAPTER.dump_python(step, mode="json", exclude_defaults=True)).decode()


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
    problems = find_agent_problems(spec.steps, find_agent)
    if problems:
        raise SpecInvalid(problems)


def find_agent_problems(
    steps: Sequence[StepSpec], find_agent: Callable[[str], object | None]
) -> list[Problem]:
    """Return one problem per agent that is named and that nobody registered."""
    return [
        Problem(step.key, place, f"unknown agent '{name}'; `manage.py list_agents` shows the known ones")
        for step in steps
        for place, names in step.agents.items()
        for name in names
        if find_agent(name) is None
    ]


def order_steps(steps: Sequence[StepSpec]) -> list[StepSpec]:
    """Return the steps so that each stands behind those it waits for; ties keep their order."""
    position = {step.key: i for i, step in enumerate(steps)}
    sorter = TopologicalSorter({step.key: step.predecessors for step in steps})
    sorter.prepare()
    ordered: list[StepSpec] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        ordered.extend(steps[position[key]] for key in ready)
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
    if spec.timeout_seconds is not None and not 0 < spec.timeout_seconds <= 31_536_000:
        yield Problem(None, "timeout_seconds", "must be above 0 and at most 31536000")
    yield from find_step_problems(spec.steps)


def _schema_problems(schema: Mapping[str, Any] | None) -> Iterator[Problem]:
    if schema is None:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield Problem(None, "input_schema", error.message)


def find_step_problems(steps: Sequence[StepSpec]) -> list[Problem]:
    """Return what is wrong with steps that stand together: doubled keys, missing needs, cycles, bad expressions."""
    keys: set[str] = set()
    problems: list[Problem] = []
    for step in steps:
        if step.key in keys:
            problems.append(Problem(step.key, "key", "another step has the same key"))
        keys.add(step.key)
    for step in steps:
        problems += _step_problems(step, keys)
    return problems + list(_cycle_problems(steps, keys))


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
    yield from _doer_problems(step)
    for name, source in step.input.items():
        yield from _expression_problems(step, f"input.{name}", source)
    if step.when is not None:
        yield from _expression_problems(step, "when", step.when)
    if step.for_each is not None:
        problems = list(_expression_problems(step, "for_each", step.for_each))
        if not problems and reads_item(step.for_each):
            problems.append(Problem(step.key, "for_each", "item is what it makes; it can't read it"))
        yield from problems


def _doer_problems(step: StepSpec) -> Iterator[Problem]:
    """Yield what does not fit who does the step: an agent, a child run, or a person."""
    if bool(step.agent) == bool(step.workflow):
        yield Problem(step.key, "agent", "name either an agent or a workflow")
    if step.workflow is not None and not NAME.match(step.workflow):
        yield Problem(step.key, "workflow", f"'{step.workflow}' is not a workflow's name")
    if step.form is not None and step.agent != HUMAN:
        yield Problem(step.key, "form", "only a step with agent='human' has a form")
    yield from (Problem(step.key, "form", fault.message) for fault in _schema_problems(step.form))
    needless = [name for name in ("verify", "fallback", "min_confidence") if getattr(step, name)]
    if step.agent == HUMAN:
        yield from (Problem(step.key, name, "a person's answer is final; remove it") for name in needless)
    if step.workflow is not None and step.fallback:
        yield Problem(step.key, "fallback", "a child run has none; give it to the child's steps")


def _bound_problems(step: StepSpec) -> Iterator[Problem]:
    if step.min_confidence is not None and not 0 <= step.min_confidence <= 1:
        yield Problem(step.key, "min_confidence", "must be between 0 and 1")
    if step.timeout_seconds is not None and not 0 < step.timeout_seconds <= 86_400:
        yield Problem(step.key, "timeout_seconds", "must be above 0 and at most 86400")
    if not 0 <= step.max_reworks <= 50:
        yield Problem(step.key, "max_reworks", "must be between 0 and 50")


def _expression_problems(step: StepSpec, place: str, source: str) -> Iterator[Problem]:
    try:
        compile_expression(source)
    except ExpressionInvalid as error:
        yield Problem(step.key, place, f"bad CEL expression: {error}")
        return
    for other in sorted(referenced_steps(source) - set(step.needs)):
        yield Problem(step.key, place, f"reads steps.{other}, which is not in needs")


def _cycle_problems(steps: Sequence[StepSpec], keys: set[str]) -> Iterator[Problem]:
    graph = {step.key: [key for key in step.predecessors if key in keys] for step in steps}
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
