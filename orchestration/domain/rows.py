"""Rows of a plan before they are written: what a run starts with, takes over, undoes or gives back to other agents.

`planning/` makes them of specs, `transitions/` writes them. Nothing here has an id of its own yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of a plan before it has an id. `predecessor_count` counts the edges that lead to it.

    Attributes: gated: it has verifiers.  pools: slots it takes with its claim, by pool.
    """

    key: str
    agent: str
    queue: str
    timeout_seconds: float
    predecessor_count: int
    gated: bool = False
    pools: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """An edge of a plan, by the positions of its ends."""

    predecessor: int
    successor: int
    carries_data: bool
    is_optional: bool


@dataclass(frozen=True, slots=True)
class ParentStep:
    """The step that a child run is done for, and its place in the tree. `depth`: the child's own."""

    step_id: int
    root_id: UUID
    depth: int


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that a fork was taken from, and the key of the first step it does anew."""

    run_id: UUID
    from_step: str


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be: `input_json` is canonical.

    Attributes: timeout_seconds: of the whole run; None: no deadline.  is_paused: as the run above it is.
        budget: limit by unit, of the run and all below it.  actor_id: whose turn it is.
    """

    project_id: int
    workflow_id: int
    workflow_name: str
    input_json: str
    input_digest: str
    idempotency_key: str | None
    requested_by_id: int | None
    handoff_tokens: int
    steps: tuple[StepRow, ...]
    edges: tuple[EdgeRow, ...]
    priority: int = 0
    timeout_seconds: float | None = None
    parent: ParentStep | None = None
    origin: Origin | None = None
    is_paused: bool = False
    budget: Mapping[str, int] = field(default_factory=dict)
    actor_id: int | None = None


TURN: Final = "turn:"  # what the keys of turns begin with
CHILD_RUN: Final = "child:"  # what the keys of child runs begin with
CHILD_RUN_KEY: Final = (
    rf"^{CHILD_RUN}\d+\.\d+\.\d+\.(\d{{1,9}})$"  # what they all match; in brackets the attempt
)


def name_child_run(step_id: int, run_round: int, revision: int, attempt: int) -> str:
    """Return the idempotency key of the run that one try of a step starts."""
    return f"{CHILD_RUN}{step_id}.{run_round}.{revision}.{attempt}"


@dataclass(frozen=True, slots=True)
class ReusedStep:
    """A finished step of another run, as the fork's step of the same key takes it over."""

    key: str
    status: str
    output_json: str
    output_digest: str
    output_tokens: int
    skip_reason: str
    accepted_by: str
    receipt_json: str
    receipt_digest: str
    event_json: str


@dataclass(frozen=True, slots=True)
class DoneStep:
    """A succeeded step of a run that is aborted."""

    step_id: int
    key: str
    kind: str
    revision: int
    spec_key: str
    spec_json: str | None
    agent: str
    stage: str
    round: int
    workflow_id: int
    workflow_digest: str


@dataclass(frozen=True, slots=True)
class Undo:
    """How one done step is undone."""

    step_id: int
    key: str
    agent: str
    queue: str
    timeout_seconds: float
    pools: Mapping[str, int]


UndoPlanner = Callable[[Sequence[DoneStep]], Sequence[Undo]]
"""Chooses those of the done steps, given latest first, that can be undone."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """A step that was reset while a fallback agent did it: its first agent's terms are to be put back."""

    step_id: int
    kind: str
    spec_key: str
    spec_json: str | None


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does a step, and on which terms."""

    step_id: int
    agent: str
    queue: str
    timeout_seconds: float
    pools: Mapping[str, int]
