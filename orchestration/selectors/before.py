"""What stands before a step in its run's plan, along data."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models.functions import Left

from orchestration.domain.states import DONE, StepKind
from orchestration.models import Edge, Step

_INHERITS = (StepKind.ITEM, StepKind.VERIFIER)
BEGINNING = 400
"""So many characters of an output are read of a step that is told in a line."""


class StepBefore(NamedTuple):
    """A done step, and how its output begins."""

    pk: int
    key: str
    agent: str
    position: int
    output_tokens: int
    beginning: str


def list_data_edges(run_id: UUID) -> list[tuple[int, int]]:
    """Return who hands what to whom in a run: steps before and after, by their ids."""
    edges = Edge.objects.filter(run=run_id, carries_data=True, is_child=False)
    return list(edges.values_list("predecessor_id", "successor_id"))


def find_receiver(step_id: int) -> int:
    """Return the step for which something is handed over: of an item and of a verifier the one that grew it."""
    while True:
        kind, parent_id = Step.objects.values_list("kind", "parent_id").get(pk=step_id)
        if kind not in _INHERITS:
            return step_id
        step_id = parent_id


def list_done(step_ids: Collection[int]) -> list[StepBefore]:
    """Return those of some steps that are done."""
    steps = Step.objects.filter(pk__in=step_ids, status__in=DONE, output_json__isnull=False)
    names = ("pk", "key", "agent", "position", "output_tokens")
    return [StepBefore(*row) for row in steps.values_list(*names, Left("output_json", BEGINNING))]


def read_output(step_id: int) -> str:
    """Return what a done step put out: canonical JSON."""
    return Step.objects.values_list("output_json", flat=True).get(pk=step_id) or "null"
