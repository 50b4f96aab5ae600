"""Which worker processes are present."""

from django.db.models import Count, Q

from orchestration.domain.states import AttemptOutcome
from orchestration.models import Attempt, WorkerProcess


def is_queue_served(queue: str) -> bool:
    """Return whether a present worker process takes messages from this queue."""
    return WorkerProcess.objects.filter(stopped_at=None, queues__contains=[queue]).exists()


def count_in_flight(process_ids: set[int]) -> dict[int, int]:
    """Return how many steps each dead process had in flight: those still claimed and those freed already."""
    attempts = Attempt.objects.filter(process_id__in=process_ids)
    lost = attempts.filter(Q(outcome=None) | Q(outcome=AttemptOutcome.CRASHED))
    rows = lost.order_by().values_list("process_id").annotate(steps=Count("id"))
    return {process_id: steps for process_id, steps in rows if process_id is not None}
