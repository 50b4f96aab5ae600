"""How runs stand, in the words a person uses: `waiting` is a run that only people can move.

Derived, never stored: a run's row says `running` until it is final.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict
from uuid import UUID

from django.db import connection
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django_stubs_ext import WithAnnotations

from orchestration.domain.states import DONE, RunStatus, StepStatus
from orchestration.errors import RunNotFound
from orchestration.models import Attempt, Edge, Run, Step

WAITING = "waiting"
STATES = (RunStatus.RUNNING.value, WAITING, *(s.value for s in RunStatus if s is not RunStatus.RUNNING))
"""What `state` can be, in the order in which lists name them."""

_MOVING = (StepStatus.AVAILABLE, StepStatus.RUNNING, StepStatus.RETRYABLE)
_HEX = frozenset("0123456789abcdef")
_LEAST_PREFIX = 4


class State(TypedDict):
    """What `with_state` adds to a run."""

    state: str


if TYPE_CHECKING:
    RunWithState = WithAnnotations[Run, State]
else:
    RunWithState = Run  # the subscript above is for type checkers; Python 3.11 refuses it


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run and how far its plan is."""

    run: RunWithState
    steps_done: int
    steps_total: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How many runs are in each state, and how many of their steps had an attempt end."""

    by_state: dict[str, int]
    steps: int

    @property
    def running(self) -> int:
        """Return how many runs still move without a person."""
        return self.by_state[RunStatus.RUNNING]


def with_state(runs: QuerySet[Run]) -> QuerySet[RunWithState]:
    """Add `state` to runs: their status, but `waiting` where nothing but held and pending steps is open.

    Of a run at the top the steps of all runs below it count too. A child run's state is that of its own steps: an
    index knows the top of a tree alone.
    """
    own = Step.objects.filter(run=OuterRef("pk"))
    of_tree = Step.objects.filter(run__root_id=OuterRef("pk"))
    is_top = Q(parent_step__isnull=True)
    return runs.annotate(
        state=Case(
            When(~Q(status=RunStatus.RUNNING), then=F("status")),
            When(is_top & _waits_for_people(of_tree), then=Value(WAITING)),
            When(~is_top & _waits_for_people(own), then=Value(WAITING)),
            default=Value(RunStatus.RUNNING.value),
            output_field=CharField(),
        )
    )


def _waits_for_people(steps: QuerySet[Step]) -> Q:
    open_before = Edge.objects.filter(successor=OuterRef("pk")).exclude(predecessor__status__in=DONE)
    # What is paused waits for people too.
    live = steps.exclude(run__status=RunStatus.PAUSED)
    # A pending step with nothing open before it is just about to be released.
    moving = Exists(live.filter(status__in=_MOVING)) | Exists(
        live.filter(~Exists(open_before), status=StepStatus.PENDING)
    )
    return Exists(steps.filter(status=StepStatus.HELD)) & ~moving


def narrow_to_state(runs: QuerySet[Run], state: str) -> QuerySet[Run]:
    """Return those of some runs that are in one of STATES."""
    if state not in {WAITING, RunStatus.RUNNING}:
        return runs.filter(status=state)
    # The stored status first: it has an index, the derived state has none.
    return with_state(runs.filter(status=RunStatus.RUNNING)).filter(state=state)


def list_runs(
    workflow: str | None, state: str | None, limit: int, project: str | None = None
) -> list[RunLine]:
    """Return the newest runs of a workflow, in a state, of a project (by slug), or of all."""
    runs = Run.objects.select_related("workflow").defer("input_json", "workflow__spec_json")
    runs = runs.order_by("-created_at", "-id")
    if project is not None:
        runs = runs.filter(project__slug=project)
    if workflow is not None:
        runs = runs.filter(workflow_name=workflow)
    if state is not None:
        runs = narrow_to_state(runs, state)
    newest = list(with_state(runs)[:limit])
    done = Q(status__in=[str(status) for status in DONE])
    steps = Step.objects.filter(run__in=[run.pk for run in newest]).order_by().values("run")
    counts = {row["run"]: row for row in steps.annotate(total=Count("id"), done=Count("id", filter=done))}
    return [RunLine(run, counts[run.pk]["done"], counts[run.pk]["total"]) for run in newest]


def measure_progress(run_ids: Sequence[UUID], since: datetime) -> Progress:
    """Count runs by state, and the steps of theirs that had an attempt end since a moment."""
    chosen = with_state(Run.objects.filter(pk__in=run_ids)).order_by().values_list("state")
    counts = dict(chosen.annotate(Count("id")))
    ended = Attempt.objects.filter(run__in=run_ids, finished_at__gte=since).order_by()
    steps = ended.aggregate(count=Count("step", distinct=True))["count"]
    return Progress({state: counts.get(state, 0) for state in STATES}, steps)


def read_clock() -> datetime:
    """Return the database's time: what rows are stamped with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def find_run(beginning: str) -> RunWithState:
    """Return the run whose id begins so, with its `state`.

    Raises: RunNotFound: none does, or several do; the message says what to do.
    """
    digits = beginning.replace("-", "").lower()
    if not _LEAST_PREFIX <= len(digits) <= 32 or set(digits) - _HEX:
        raise RunNotFound(
            f"'{beginning}' is no beginning of a run's id: {_LEAST_PREFIX} to 32 hexadecimal digits; "
            "`manage.py list_runs` shows the ids"
        )
    span = (UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f")))
    found = list(with_state(Run.objects.select_related("workflow").filter(pk__range=span))[:2])
    if len(found) != 1:
        why = "several runs' ids begin" if found else "no run's id begins"
        raise RunNotFound(f"{why} with '{beginning}'; `manage.py list_runs` shows the ids")
    return found[0]
