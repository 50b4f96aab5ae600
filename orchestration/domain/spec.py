"""What a workflow is: an immutable, versioned list of steps.

A spec is data: its JSON form and its Python form are equal, and its digest is its version. Building one checks
everything that can be checked without knowing which agents exist; `check_agents` does the rest at publishing.
Read next: `expressions.py`, then `orchestration/runs/`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from graphlib import TopologicalSorter
from typing import Annotated, Any, Literal, Self, cast

import rfc8785
from pydantic import AfterValidator, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from agents.domain.canonical import canonical_json
from agents.domain.contract import AgentContract
from agents.errors import UnreadableOutput
from orchestration.domain.budget import Budget
from orchestration.domain.spec_parts import (
    CONFIG,
    Keys,
    Listen,
    Names,
    Recall,
    Retry,
    Review,
    TopicSpec,
    Verify,
)
from orchestration.domain.spec_rules import (
    ENGINE_AGENTS,
    HUMAN,
    KEY,
    MAX_STEPS,
    find_agent_problems,
    find_problems,
    find_step_problems,
)
from orchestration.domain.spec_words import find_output_misfits
from orchestration.errors import Problem, SpecInvalid

__all__ = [
    "ENGINE_AGENTS",
    "HUMAN",
    "KEY",
    "MAX_STEPS",
    "Listen",
    "Recall",
    "Retry",
    "Review",
    "StepSpec",
    "TopicSpec",
    "Verify",
    "WorkflowSpec",
    "canonical_spec",
    "check_agents",
    "digest_spec",
    "dump_spec",
    "dump_step",
    "find_agent_problems",
    "find_step_problems",
    "load_spec",
    "load_step",
    "order_steps",
]


@dataclass(frozen=True, config=CONFIG)
class StepSpec:
    """One node of a workflow.

    Attributes:
        key: unique in the workflow; expressions read it as `steps.<key>`.
        agent: the agent that performs it; `name@2` pins its version; `human` is a person.
        workflow: instead of an agent, the workflow of a child run.
        input: name -> CEL expression over {input, steps, item, summary}; empty: the agent gets {}. `summary` says how
            much was lost of what had to be shortened for the step: `summary.missing_numbers`.
        pin: JSON pointers by need: what they lead to is handed verbatim beside a summary of the rest.
        fresh_steps: what comes from further back and is long is summarised even where it fits; None: 3 for agents of
            models and for `task.digest_so_far`, off for all others.
        recall: memories that it is handed within the same tokens.
        for_each: CEL list over {input, steps}; the step is done once per item, its output is the list in order. It may
            also read a step in `after`, which then hands nothing to the items.
        form: JSON Schema of what a person fills in; only with `human`.
        needs: steps whose output it receives.  after: steps it only waits for.
        optional: those of `needs` that may have been skipped by their condition.
        when: CEL condition; false: the step is skipped.
        critical: False: a failure skips the step and its successors receive null.
        min_confidence: below it a person decides; None: the engine's default for agents that state one.
        timeout_seconds: of one attempt; None: the agent's own, else the engine's.
        deadline_seconds: of all tries together, from the first since a fresh start; no retry outlives it.
        fallback: agents that are asked in turn when the one before gave up.
        verify: the gate its output must pass.
        compensate: agent that undoes the step when the run is aborted after it succeeded.
        max_reworks: how often later steps may send their work back to this one.
        on_failure: what follows when nothing else helps.
        safe_default: the output that a rule of the review queue may use when nobody decides in time; None: none.
        ends_run: once it has succeeded the run has, too: what is still open is cancelled, nothing is undone.
        audit_rate: this part of what is accepted without a person is kept for a later look, 0 to 1.
        review: how a reviewer meets its work.
        budget: what it may use at most, with all that it grows or starts; on `for_each`, of all items together.
    """

    key: str
    agent: str = field(default="", kw_only=True)
    workflow: str | None = field(default=None, kw_only=True)
    input: dict[str, str] = field(default_factory=dict, kw_only=True)
    needs: Keys = field(default=(), kw_only=True)
    after: Keys = field(default=(), kw_only=True)
    optional: Keys = field(default=(), kw_only=True)
    pin: dict[str, Keys] = field(default_factory=dict, kw_only=True)
    fresh_steps: int | None = field(default=None, kw_only=True)
    recall: Recall | None = field(default=None, kw_only=True)
    when: str | None = field(default=None, kw_only=True)
    for_each: str | None = field(default=None, kw_only=True)
    form: dict[str, Any] | None = field(default=None, kw_only=True)
    critical: bool = field(default=True, kw_only=True)
    min_confidence: float | None = field(default=None, kw_only=True)
    retry: Retry = field(default_factory=Retry, kw_only=True)
    timeout_seconds: float | None = field(default=None, kw_only=True)
    deadline_seconds: float | None = field(default=None, kw_only=True)
    fallback: Names = field(default=(), kw_only=True)
    verify: Verify | None = field(default=None, kw_only=True)
    compensate: str | None = field(default=None, kw_only=True)
    max_reworks: int = field(default=1, kw_only=True)
    on_failure: Literal["escalate", "abort"] = field(default="escalate", kw_only=True)
    safe_default: Any = field(default=None, kw_only=True)
    ends_run: bool = field(default=False, kw_only=True)
    audit_rate: float | None = field(default=None, kw_only=True)
    review: Review | None = field(default=None, kw_only=True)
    budget: Budget | None = field(default=None, kw_only=True)

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Return every step this one waits for, each once, needs first."""
        return tuple(dict.fromkeys((*self.needs, *self.after)))

    @property
    def agents(self) -> dict[str, tuple[str, ...]]:
        """Return every agent the step names, by the field that names it."""
        named = {
            "agent": (self.agent,) if self.agent and self.agent != HUMAN else (),
            "fallback": tuple(self.fallback),
            "verify": tuple(self.verify.agents) if self.verify else (),
            "compensate": (self.compensate,) if self.compensate else (),
        }
        return {place: names for place, names in named.items() if names}


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class WorkflowSpec:
    """A workflow: its name, what it accepts, and its steps in any order.

    Attributes: sla: the class of its tickets' clocks, e.g. "customer-facing" or "internal".
        input_schema: JSON Schema of a run's input; None accepts any JSON object.
        timeout_seconds: of a whole run; no retry outlives it; None: no deadline.
        output: CEL over {input, steps}: what a run that succeeded gives back; None: what its last steps put out.
        actor: its runs are turns of actors of this name, e.g. "support.case"; one is live at most for each address.
        mailbox: so many messages one turn gets at most.  listens: topics that these actors hear.
        on_stuck: while a turn waits for a person, its mailbox waits too, or that turn is parked and the next begins.
    Raises: pydantic.ValidationError: naming step and field (`load_spec` gives SpecInvalid instead).
    """

    name: str
    steps: Annotated[Sequence[StepSpec], AfterValidator(tuple)]
    sla: str = "internal"
    description: str = ""
    input_schema: dict[str, Any] | None = None
    timeout_seconds: float | None = None
    output: str | None = None
    actor: str | None = None
    mailbox: int = 1
    listens: Annotated[Sequence[Listen], AfterValidator(tuple)] = ()
    on_stuck: Literal["wait", "park"] = "wait"

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = list(find_problems(self))
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
    """Return one step's spec as canonical JSON.

    Raises: SpecInvalid: a value in it can't be stored, such as one of a form.
    """
    try:
        return canonical_json(_STEP_ADAPTER.dump_python(step, mode="json", exclude_defaults=True))
    except UnreadableOutput as error:
        place = error.path.strip("/").replace("/", ".")
        raise SpecInvalid([Problem(step.key, place or "step", error.reason)]) from error
    except ValueError as error:
        raise SpecInvalid([Problem(step.key, "step", f"it is not JSON: {error}")]) from error


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


def check_agents(spec: WorkflowSpec, find_agent: Callable[[str], AgentContract | None]) -> None:
    """Refuse a spec that names an agent nobody registered, or a safe default that its step could not put out.

    Raises: SpecInvalid: naming step and field.
    """
    problems = find_agent_problems(spec.steps, find_agent) + find_output_misfits(spec.steps, find_agent)
    if problems:
        raise SpecInvalid(problems)


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
