"""Everything that happened in one run, read in as many queries as there are kinds of rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestration.models import Attempt, Call, Edge, Event, Handoff, PastOutput, Run, Step
from orchestration.usage import Used
from orchestration.usage.sums import sum_used


@dataclass(frozen=True, slots=True)
class Account:
    """One run's rows: steps in plan order, attempts and past outputs by step, what each waits for, the rest.

    Attributes: children: the runs that its steps started.  forks: those that were taken from it.
        used: what its attempts used together.
    """

    steps: Sequence[Step]
    edges: Mapping[int, Sequence[Edge]]
    attempts: Mapping[int, Sequence[Attempt]]
    handoffs: Sequence[Handoff]
    events: Sequence[Event]
    past_outputs: Mapping[int, Sequence[PastOutput]] = field(default_factory=dict)
    children: Sequence[Run] = ()
    forks: Sequence[Run] = ()
    used: Used = field(default_factory=Used)
    calls: Sequence[Call] = ()

    @property
    def keys(self) -> dict[int, str]:
        """Return the steps' keys by id."""
        return {step.pk: step.key for step in self.steps}


def load_account(run: Run) -> Account:
    """Return what happened in a run so far."""
    edges, attempts, past_outputs = defaultdict(list), defaultdict(list), defaultdict(list)
    for edge in Edge.objects.filter(run=run).order_by("predecessor__position"):
        edges[edge.successor_id].append(edge)
    for attempt in (
        Attempt.objects.filter(run=run).select_related("decision", "process", "usage").order_by("number")
    ):
        attempts[attempt.step_id].append(attempt)
    for past in PastOutput.objects.filter(run=run).order_by("id"):
        past_outputs[past.step_id].append(past)
    return Account(
        steps=list(run.steps.order_by("position")),
        edges=edges,
        attempts=attempts,
        handoffs=list(run.handoffs.select_related("attempt").order_by("id")),
        events=list(run.events.order_by("id")),
        past_outputs=past_outputs,
        children=list(Run.objects.filter(parent_step__run=run).order_by("created_at", "id")),
        forks=list(run.forks.order_by("created_at", "id")),
        used=sum_used([run.pk]),
        calls=list(run.calls.prefetch_related("tries").order_by("id")),
    )
