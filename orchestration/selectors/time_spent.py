"""When a run's steps were tried, decided on, resolved and ordered about: what a timeline is drawn from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from orchestration.models import Attempt, Event
from orchestration.selectors.moments import Epoch, to_moment

# The name of a step's way out of `held`, and of lines that are about the run itself (`history.EventKind`).
_RESOLVED = "step_resolved"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: from when to when, how it ended, and what was decided; open ends and no decision: None."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    decision: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened to the run as a whole."""

    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """A run's attempts and resolutions by step, in order, and what happened to the run as a whole."""

    tries: Mapping[int, Sequence[Try]]
    resolved: Mapping[int, Sequence[datetime]]
    marks: Sequence[Mark]


def load_time_spent(run_id: UUID) -> TimeSpent:
    """Return how a run spent its time so far, in two queries."""
    moments = (Epoch("started_at"), Epoch("finished_at"), Epoch("decision__due_at"))
    columns = ("step_id", "number", "outcome", "decision__kind", *moments)
    tries: dict[int, list[Try]] = defaultdict(list)
    rows = Attempt.objects.filter(run=run_id).order_by("number").values_list(*columns)
    for step_id, number, outcome, decision, started, finished, due in rows:
        started_at = datetime.fromtimestamp(started, UTC)
        tries[step_id].append(Try(number, started_at, to_moment(finished), outcome, decision, to_moment(due)))
    resolved: dict[int, list[datetime]] = defaultdict(list)
    marks: list[Mark] = []
    lines = Event.objects.filter(run=run_id, kind=_RESOLVED) | Event.objects.filter(run=run_id, step=None)
    for step_id, kind, at in lines.order_by("id").values_list("step_id", "kind", "at"):
        if kind == _RESOLVED:
            resolved[step_id].append(at)
        else:
            marks.append(Mark(kind, at))
    return TimeSpent(tries, resolved, marks)
