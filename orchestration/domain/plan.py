"""How a plan grows: which spec a grown step follows, what its key says, and how far it may go.

Pure values; `orchestration/planning/` fills them in from agents' contracts, `transitions/expand.py` writes them.
Read next: docs/adr/0009-plans-that-grow.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from orchestration.domain.spec import Retry, StepSpec, load_step
from orchestration.domain.states import Stage, StepKind


@dataclass(frozen=True, slots=True)
class Child:
    """A step to be grown.

    Attributes:
        index: its place among its siblings, from 0.  item_json: canonical JSON of what it is about.
        spec_key, spec_json: where its spec stands: in the workflow, or with itself.
        needs: places of the siblings it waits for and whose output it receives.  after: those it only waits for.
        inherits: it receives what its parent was handed.  senders: steps before its parent whose output it receives.
    """

    key: str
    kind: StepKind
    index: int
    agent: str
    queue: str
    timeout_seconds: float
    item_json: str | None
    spec_key: str
    spec_json: str | None = None
    gated: bool = False
    pools: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    inherits: bool = False
    senders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Growth:
    """What a step grows before it goes on.

    Attributes: rule: why, as its decision names it.  proposed_json: its own answer, kept until it collects.
        limits: that the write keeps; None for verifiers and summaries, which no limit counts.
    """

    stage: Stage
    rule: str
    children: tuple[Child, ...]
    proposed_json: str | None = None
    limits: "Limits | None" = None


@dataclass(frozen=True, slots=True)
class ChildRun:
    """The run that a step waits for: the workflow's name, and its input as a JSON value."""

    workflow: str
    input: Any


@dataclass(frozen=True, slots=True)
class AskPerson:
    """A step that people do. `seen_json`: what they are shown, canonical JSON."""

    seen_json: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What a step's children gave. `rule`: how it came together."""

    output_json: str
    rule: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the verifiers of a proposed output said. `reasons`: of those that did not pass it."""

    output_json: str
    passed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a run may grow."""

    fan_out: int
    run_steps: int
    step_depth: int
    run_depth: int


class LimitExceeded(ValueError):
    """A step wanted to grow further than the limits allow; the message names limit and setting."""


def check_growth(children: int, run_steps: int, depth: int, limits: Limits) -> None:
    """Refuse a growth beyond the limits.

    Args: children: so many at once.  run_steps: the run has already.  depth: of the children.
    Raises: LimitExceeded.
    """
    if children > limits.fan_out:
        raise LimitExceeded(f"{children} children are more than MAX_FAN_OUT allows: {limits.fan_out}")
    if run_steps + children > limits.run_steps:
        raise LimitExceeded(
            f"{children} more steps would make {run_steps + children}; MAX_RUN_STEPS is {limits.run_steps}"
        )
    if depth > limits.step_depth:
        raise LimitExceeded(f"steps would stand {depth} deep; MAX_STEP_DEPTH is {limits.step_depth}")


MAX_KEY_CHARACTERS: Final = 250
"""Of a grown step's key. A row has room for what is added to it later: `undo:`, `~12`, `#3`, `?19`."""


def check_keys(children: Sequence[Child]) -> None:
    """Refuse children whose keys no row could hold: each stands behind the keys of all that it hangs below.

    Raises: LimitExceeded.
    """
    longest = max((child.key for child in children), key=len, default="")
    if len(longest) > MAX_KEY_CHARACTERS:
        raise LimitExceeded(
            f"the key {longest[:60]}... would have {len(longest)} characters, {MAX_KEY_CHARACTERS} are possible: "
            "give what is grown shorter keys"
        )


def name_generation(parent: str, revision: int) -> str:
    """Return what the keys begin with of all that a step grows; each of its revisions grows anew."""
    return f"{parent}~{revision}" if revision else parent


def name_child(parent: str, revision: int, kind: StepKind, index: int, local: str = "") -> str:
    """Return a child's key; one that is grown anew, after its parent was sent back, gets another."""
    generation = name_generation(parent, revision)
    match kind:
        case StepKind.ITEM:
            return f"{generation}[{index}]"
        case StepKind.VERIFIER:
            return f"{generation}?{index}"
        case StepKind.COMPENSATION:
            return f"undo:{generation}"
        case StepKind.SUMMARY:
            return f"{generation}^{local}"
        case _:
            return f"{generation}/{local}"


def name_compensation(key: str, revision: int, run_round: int) -> str:
    """Return the key of the step that undoes another; a later round's attempt at it gets another."""
    name = name_child(key, revision, StepKind.COMPENSATION, 0)
    return name if run_round == 1 else f"{name}#{run_round}"


def is_verifier(key: str) -> bool:
    """Return whether a step of this key is a verifier: `draft?0`."""
    return key.rpartition("?")[2].isdigit()


def planned_name(key: str) -> str:
    """Return the step of the workflow from which a grown one comes: `plan` for `plan/w0[3]`."""
    return _PLANNED.split(key, maxsplit=1)[0]


def is_summary(key: str) -> bool:
    """Return whether a step of this key makes a summary for the one that grew it: `draft^facts`."""
    return "^" in key


_PLANNED = re.compile(r"[^A-Za-z0-9_-]")


def local_name(key: str) -> str:
    """Return the name by which a step's siblings know it: `ask` for `plan/ask`."""
    return key.rpartition("/")[2]


def resolve_spec(
    steps: Mapping[str, StepSpec], kind: StepKind, spec_key: str, spec_json: str | None, agent: str
) -> StepSpec:
    """Return the spec that a step follows.

    Args: steps: the workflow's, by key.  agent: the step's own, which matters for verifiers and compensations.
    Raises: KeyError: the workflow has no such step.  SpecInvalid: its own spec can't be read any more.
    """
    base = steps[spec_key] if spec_json is None else load_step(json.loads(spec_json))
    match kind:
        case StepKind.PLANNED | StepKind.SPAWNED:
            return base
        case StepKind.ITEM:
            return replace(base, for_each=None, when=None, ends_run=False, budget=None)
        case StepKind.VERIFIER:
            # A verifier that can't answer has not passed anything: its null is a FAIL, and no ticket of its own.
            asked = StepSpec(base.key, agent=agent, needs=base.needs, optional=base.optional, critical=False)
            return replace(asked, pin=base.pin, fresh_steps=base.fresh_steps)
        case StepKind.COMPENSATION:
            return StepSpec(base.key, agent=agent)
        case StepKind.SUMMARY:
            return StepSpec(base.key, agent=agent, critical=False, retry=Retry(max_attempts=2))
