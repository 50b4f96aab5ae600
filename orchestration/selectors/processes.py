"""Which worker processes are present."""

from orchestration.models import WorkerProcess


def is_queue_served(queue: str) -> bool:
    """Return whether a present worker process takes messages from this queue."""
    return WorkerProcess.objects.filter(stopped_at=None, queues__contains=[queue]).exists()
