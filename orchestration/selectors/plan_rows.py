"""A run's plan as it has grown so far: its steps, what they wait for, their child runs.

Thousands of items are a few columns each here; what a page draws of them it decides itself.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, When

from orchestration.domain.states import StepKind
from orchestration.models import Edge, Run, Step
from orchestration.selectors.moments import Epoch, to_moment
from orchestration.selectors.run_details import MOST_DRAWN_EDGES, MOST_DRAWN_STEPS

_COLUMNS = (
    "pk",
    "key",
    "agent",
    "kind",
    "parent_id",
    "status",
    "stage",
    "waits_for",
    "attempt",
)
ALIKE = frozenset({StepKind.ITEM.value, StepKind.VERIFIER.value})
"""Kinds whose steps have nothing between them: all stand between the step that grew them and what follows it."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A step as pictures need it. `is_present`: the step that grew it has not left it behind by starting afresh."""

    pk: int
    key: str
    agent: str
    kind: str
    parent_id: int | None
    status: str
    stage: str
    waits_for: str
    attempt: int
    claimed_at: datetime | None
    finished_at: datetime | None
    is_present: bool = True

    @property
    def is_alike(self) -> bool:
        """Return whether its siblings stand beside it, all with the same neighbours."""
        return self.kind in ALIKE


@dataclass(frozen=True, slots=True)
class PlanRows:
    """A run's steps in plan order, and which waits for which, by id; without those between a step and its children."""

    steps: list[PlanStep]
    edges: list[tuple[int, int]]
    is_too_large: bool = False

    @property
    def present(self) -> list[PlanStep]:
        """Return the steps without those of former generations."""
        return [step for step in self.steps if step.is_present]


@dataclass(frozen=True, slots=True)
class ChildRun:
    """The run that a step waits for, or waited for last."""

    pk: UUID
    workflow_name: str
    status: str


def load_plan(run_id: UUID) -> PlanRows:
    """Return a run's plan."""
    joined = Exists(Edge.objects.filter(predecessor=OuterRef("pk"), is_child=True))
    present = Case(When(Q(parent__isnull=True) | Q(kind=StepKind.COMPENSATION), then=True), default=joined)
    columns = (*_COLUMNS, Epoch("claimed_at"), Epoch("finished_at"), present)
    rows: Iterable[Any] = Step.objects.filter(run=run_id).order_by("position").values_list(*columns)
    steps = [PlanStep(*_with_moments(*row)) for row in rows]
    own = Edge.objects.filter(run=run_id, is_child=False).exclude(successor__kind__in=ALIKE)
    edges = list(own.values_list("predecessor_id", "successor_id")[: MOST_DRAWN_EDGES + 1])
    single = sum(not step.is_alike for step in steps)
    too_large = single > MOST_DRAWN_STEPS or len(edges) > MOST_DRAWN_EDGES
    return PlanRows(steps, edges, is_too_large=too_large)


def _with_moments(*row: Any) -> tuple[Any, ...]:
    *fields, claimed, finished, is_present = row
    return *fields, to_moment(claimed), to_moment(finished), is_present


def find_child_runs(step_ids: Collection[int]) -> dict[int, ChildRun]:
    """Return each step's latest child run, by the step's id."""
    runs = Run.objects.filter(parent_step__in=step_ids).order_by("parent_attempt")
    rows = runs.values_list("parent_step_id", "pk", "workflow_name", "status")
    return {step_id: ChildRun(pk, name, status) for step_id, pk, name, status in rows}
