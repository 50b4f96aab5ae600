"""What the console shows of one run: what needs an eye, and its history in pieces.

Outputs may be a mebibyte each and a run may have thousands of steps: every question here names its columns
and takes a slice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from django.db.models import Case, Count, F, Max, Model, Prefetch, Q, QuerySet, When

from orchestration.conf import get_conf
from orchestration.domain.states import HandoffKind, StepKind, StepStatus
from orchestration.domain.waits import UNTROUBLED, WaitsFor
from orchestration.models import Attempt, Event, Handoff, PastOutput, Run, Step, WorkerProcess
from orchestration.ports import TicketRef, load_escalator
from orchestration.selectors.progress import with_state

Row = TypeVar("Row", bound=Model)
MOST_DRAWN_STEPS = 2_000
MOST_DRAWN_EDGES = 10_000
MOST_NEIGHBOURS = 12
_STEP_COLUMNS = (
    "run_id",
    "key",
    "position",
    "predecessor_count",
    "kind",
    "parent_id",
    "depth",
    "agent",
    "queue",
    "status",
    "stage",
    "attempt",
    "waits_for",
    "waits_on",
    "pools",
    "due_at",
    "dispatched_at",
    "claimed_at",
    "deadline_at",
    "finished_at",
    "skip_reason",
    "reason",
)
LARGE_OF_STEP: Final = ("item_json", "spec_json", "proposed_json", "output_json", "feedback", "reason")
"""What lists that only name steps leave out."""
_TROUBLED = (StepStatus.FAILED, StepStatus.HELD, StepStatus.RETRYABLE)


@dataclass(frozen=True, slots=True)
class RunReason:
    """Why a run does not go on. `step`: the key of the step that says so; "" for what the run itself says."""

    words: str
    step: str = ""


def count_steps(run_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Return for each run how many of its steps are in which status, in one query."""
    rows = Step.objects.filter(run__in=run_ids).order_by().values_list("run_id", "status")
    counts: dict[UUID, dict[str, int]] = {run_id: {} for run_id in run_ids}
    for run_id, status, count in rows.annotate(Count("id")):
        counts[run_id][status] = count
    return counts


def find_states(run_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the runs' states, the derived one included."""
    return dict(with_state(Run.objects.filter(pk__in=run_ids)).order_by().values_list("pk", "state"))


def find_reasons(runs: Collection[Run]) -> dict[UUID, RunReason]:
    """Return for each run why it failed or was cancelled, or what its first step in trouble says, in one query."""
    # The step that ended a run left it its reason; another may have failed before it without ending anything.
    is_last_word = Case(When(reason=F("run__reason"), then=0), default=1)
    steps = Step.objects.filter(run__in=[run.pk for run in runs], status__in=_TROUBLED)
    worst = steps.order_by("run_id", "status", is_last_word, "position").distinct("run_id")
    told = {run_id: RunReason(*step) for run_id, *step in worst.values_list("run_id", "reason", "key")}
    own = {run.pk: RunReason(run.reason) for run in runs}
    return {
        run_id: told[run_id] if run_id in told and reason.words in {"", told[run_id].words} else reason
        for run_id, reason in own.items()
    }


def list_steps(run_id: UUID, *, beginning: str = "") -> QuerySet[Step]:
    """Return a run's steps in plan order, without their outputs; those whose key begins so, if asked."""
    steps = Step.objects.filter(run=run_id).only(*_STEP_COLUMNS).order_by("position")
    return steps.filter(key__startswith=beginning) if beginning else steps


def list_step_tree(run_id: UUID, *, beginning: str = "") -> QuerySet[Step]:
    """Return what `list_steps` does, but each step below the one that grew it; those in turn in plan order.

    By the positions of all steps above a step and its own, from the top down; no index has these. The database joins
    a run's steps with themselves as many times as they are deep.
    """
    deepest = Step.objects.filter(run=run_id).aggregate(deepest=Max("depth"))["deepest"] or 0
    paths = (_find_position_above(depth, deepest) for depth in range(deepest + 1))
    order = [path.asc(nulls_first=True) for path in paths]
    return list_steps(run_id, beginning=beginning).order_by(*order, "pk")


def _find_position_above(depth: int, deepest: int) -> Case:
    """Return the position of the step above a step, or itself, that stands so deep; NULL for one less deep."""
    ways = (
        When(depth=own, then="parent__" * (own - depth) + "position") for own in range(depth, deepest + 1)
    )
    return Case(*ways)


def list_planned_keys(run_id: UUID) -> "QuerySet[Step, str]":
    """Return the keys of the steps that the workflow names, in plan order."""
    planned = Step.objects.filter(run=run_id, kind=StepKind.PLANNED).order_by("position")
    return planned.values_list("key", flat=True)


def find_first_trouble(run_id: UUID) -> str:
    """Return the key of the first planned step that failed, is held or waits for another try; "" without any."""
    planned = list_planned_keys(run_id).filter(status__in=_TROUBLED)
    return planned.first() or ""


def list_troubled_steps(run_ids: Collection[UUID]) -> QuerySet[Step]:
    """Return the steps that failed, are held, wait for another try or for what they can't have, the worst first."""
    steps = Step.objects.filter(run__in=run_ids).only(*_STEP_COLUMNS)
    worst = Case(
        *(When(status=status, then=place) for place, status in enumerate(_TROUBLED)), default=len(_TROUBLED)
    )
    return steps.filter(Q(status__in=_TROUBLED) | ~Q(waits_for__in=UNTROUBLED)).order_by(
        worst, "run__depth", "position"
    )


def count_troubled(run_ids: Collection[UUID]) -> dict[str, int]:
    """Return how many steps of these runs failed, are held or wait for another try, by status."""
    steps = Step.objects.filter(run__in=run_ids, status__in=_TROUBLED).order_by().values_list("status")
    return dict(steps.annotate(Count("id")))


def find_latest_attempts(steps: Sequence[Step]) -> dict[int, Attempt]:
    """Return each step's latest attempt with its process and decision, by the step's id."""
    attempts = Attempt.objects.filter(step__in=[step.pk for step in steps], number=F("step__attempt"))
    return {attempt.step_id: attempt for attempt in attempts.select_related("process", "decision", "usage")}


def find_tickets(steps: Sequence[Step]) -> dict[int, TicketRef]:
    """Return each step's newest ticket, by the step's id; whoever keeps the tickets says which."""
    return load_escalator(get_conf().ESCALATOR).find_tickets([step.pk for step in steps])


def list_attempts(run_id: UUID) -> QuerySet[Attempt]:
    """Return a run's attempts with their decisions in the order in which they started."""
    attempts = Attempt.objects.filter(run=run_id).select_related("process", "decision", "usage")
    return _with_step_keys(attempts, "step").order_by("started_at", "id")


def list_step_attempts(step_id: int) -> QuerySet[Attempt]:
    """Return a step's attempts with their decisions, the latest first."""
    return (
        Attempt.objects.filter(step=step_id)
        .select_related("process", "decision", "usage")
        .order_by("-number")
    )


def list_handoffs(run_id: UUID) -> QuerySet[Handoff]:
    """Return a run's hand-offs in the order in which they happened, without what was handed."""
    return _with_ends(Handoff.objects.filter(run=run_id))


def list_received(step: Step) -> QuerySet[Handoff]:
    """Return what a step was handed, as `list_handoffs`."""
    return _with_ends(step.handoffs_in.filter(run=step.run_id))


def list_passed_on(step: Step) -> QuerySet[Handoff]:
    """Return what was handed on of a step, as `list_handoffs`. A memory that it was handed names it as sender, too."""
    return _with_ends(step.handoffs_out.filter(run=step.run_id).exclude(kind=HandoffKind.RECALL))


def _with_ends(handoffs: QuerySet[Handoff]) -> QuerySet[Handoff]:
    listed = handoffs.select_related("attempt", "from_step", "to_step").order_by("handed_at", "id")
    ends = (f"{end}__{name}" for end in ("from_step", "to_step") for name in LARGE_OF_STEP)
    return listed.defer("summary_json", "attempt__traceback_tail", *ends)


def list_events(run_id: UUID) -> QuerySet[Event]:
    """Return a run's history, the oldest line first."""
    return _with_step_keys(Event.objects.filter(run=run_id), "step").order_by("id")


def list_step_events(step: Step) -> QuerySet[Event]:
    """Return the history of a step, the oldest line first."""
    return step.events.filter(run=step.run_id).order_by("id")


def list_neighbours(step: Step) -> tuple[list[str], list[str]]:
    """Return the keys of some steps that a step waits for, and of some that wait for it, in plan order.

    What it grew, and what grew it, is no neighbour.
    """
    before = Step.objects.filter(edges_out__successor=step, edges_out__is_child=False).order_by("position")
    after = Step.objects.filter(edges_in__predecessor=step, edges_in__is_child=False).order_by("position")
    most = slice(MOST_NEIGHBOURS + 1)
    return list(before.values_list("key", flat=True)[most]), list(after.values_list("key", flat=True)[most])


def count_grown(step: Step) -> dict[str, int]:
    """Return how many of the steps that a step has grown are in which status; former generations are left out."""
    grown = Step.objects.filter(edges_out__successor=step, edges_out__is_child=True)
    return dict(grown.order_by().values_list("status").annotate(Count("id")))


def list_past_outputs(step_id: int) -> QuerySet[PastOutput]:
    """Return what a step had put out before it was done anew, the latest first."""
    return PastOutput.objects.filter(step=step_id).order_by("-id")


def list_ends(run_id: UUID) -> QuerySet[Step]:
    """Return the steps that nothing follows, with their outputs."""
    return Step.objects.filter(run=run_id, edges_out__isnull=True).order_by("position")


def find_unserved_queues(run_id: UUID) -> list[str]:
    """Return the queues on which a step of the run is available and that no present worker serves."""
    asked = Step.objects.filter(run=run_id, status=StepStatus.AVAILABLE, waits_for=WaitsFor.NOTHING)
    queues = set(asked.order_by().values_list("queue", flat=True).distinct())
    if not queues:
        return []
    present = WorkerProcess.objects.filter(stopped_at__isnull=True).values_list("queues", flat=True)
    return sorted(queues.difference(*present))


def find_step_of_task(run_id: UUID, step_id: int) -> str | None:
    """Return the key of a run's step by its id, as task ids name it; None when the run has no such step."""
    return Step.objects.filter(run=run_id, pk=step_id).values_list("key", flat=True).first()


def get_run(run_id: UUID) -> Run | None:
    """Return a run with what its page names; None when there is none."""
    return Run.objects.select_related("workflow", "requested_by").filter(pk=run_id).first()


def _with_step_keys(rows: QuerySet[Row], *fields: str) -> QuerySet[Row]:
    """Add the steps that rows name, in one query each and without their outputs."""
    steps = Step.objects.only("key", "run_id")
    return rows.prefetch_related(*(Prefetch(field, queryset=steps) for field in fields))
