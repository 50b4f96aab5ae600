"""How worker processes look to an operator: present or gone, fresh or late, busy with what."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When
from django.db.models.functions import Now

from orchestration.conf import get_conf
from orchestration.domain.states import StepStatus
from orchestration.models import Attempt, Step, WorkerProcess


class WorkerState(StrEnum):
    """Alive: beats come. Blocked: it lives, and a step holds its interpreter. Hung: some threads are lost to steps.

    Late: two beats missed. Dead: its lease ran out. Stopped: it left in order.
    """

    ALIVE = "alive"
    BLOCKED = "blocked"
    HUNG = "hung"
    LATE = "late"
    DEAD = "dead"
    STOPPED = "stopped"


def with_worker_state(processes: QuerySet[WorkerProcess]) -> QuerySet[WorkerProcess]:
    """Add `state` and `read_at`, both by the database's clock."""
    conf = get_conf()
    lease, two_beats = timedelta(seconds=conf.LEASE_SECONDS), timedelta(seconds=2 * conf.HEARTBEAT_SECONDS)
    state = Case(
        When(died=True, then=Value(WorkerState.DEAD.value)),
        When(stopped_at__isnull=False, then=Value(WorkerState.STOPPED.value)),
        When(beat_at__lt=Now() - lease, then=Value(WorkerState.DEAD.value)),
        When(beat_at__lt=Now() - two_beats, then=Value(WorkerState.LATE.value)),
        When(blocked_at__isnull=False, blocked_until=None, then=Value(WorkerState.BLOCKED.value)),
        When(hung__gt=0, then=Value(WorkerState.HUNG.value)),
        default=Value(WorkerState.ALIVE.value),
        output_field=CharField(),
    )
    return processes.annotate(state=state, read_at=Now())


def list_in_flight(process_id: int) -> QuerySet[Step]:
    """Return the steps that a process is performing, the longest running first."""
    columns = ("run_id", "key", "agent", "attempt", "claimed_at", "deadline_at", "run__workflow_name")
    steps = Step.objects.filter(process=process_id, status=StepStatus.RUNNING)
    return steps.select_related("run").only(*columns).order_by("claimed_at")


def list_process_attempts(process_id: int) -> QuerySet[Attempt]:
    """Return what a process began, the latest first."""
    large = ("step__output_json", "step__proposed_json", "step__feedback", "step__run__input_json")
    attempts = Attempt.objects.filter(process=process_id).select_related(
        "process", "decision", "usage", "step__run"
    )
    return attempts.defer(*large).order_by("-id")


def count_queued() -> dict[str, int]:
    """Return how many steps wait on each queue, most of them first."""
    waiting = Step.objects.filter(status=StepStatus.AVAILABLE).order_by().values_list("queue")
    return dict(waiting.annotate(count=Count("id")).order_by("-count"))


def list_missing_queues(queued: Sequence[str]) -> list[str]:
    """Return those queues that no present worker serves."""
    present = WorkerProcess.objects.filter(Q(stopped_at__isnull=True)).values_list("queues", flat=True)
    return sorted(set(queued).difference(*present))
