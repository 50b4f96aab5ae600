"""Everything that happened in one run, read in as many queries as there are kinds of rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestration.models import Attempt, Edge, Event, Handoff, Run, Step


@dataclass(frozen=True, slots=True)
class Account:
    """One run's rows: steps in plan order, attempts by step, what each waits for, the rest."""

    steps: Sequence[Step]
    edges: Mapping[int, Sequence[Edge]]
    attempts: Mapping[int, Sequence[Attempt]]
    handoffs: Sequence[Handoff]
    events: Sequence[Event]

    @property
    def keys(self) -> dict[int, str]:
        """Return the steps' keys by id."""
        return {step.pk: step.key for step in self.steps}


def load_account(run: Run) -> Account:
    """Return what happened in a run so far."""
    edges, attempts = defaultdict(list), defaultdict(list)
    for edge in Edge.objects.filter(run=run).order_by("predecessor__position"):
        edges[edge.successor_id].append(edge)
    for attempt in Attempt.objects.filter(run=run).select_related("decision", "process").order_by("number"):
        attempts[attempt.step_id].append(attempt)
    return Account(
        steps=list(run.steps.order_by("position")),
        edges=edges,
        attempts=attempts,
        handoffs=list(run.handoffs.select_related("attempt").order_by("id")),
        events=list(run.events.order_by("id")),
    )
