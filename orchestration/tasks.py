"""The Celery tasks: ids in, one call. No logic lives here."""

from typing import Any

from celery import shared_task

from orchestration import executor, worker
from orchestration.dispatch import Continuation
from orchestration.domain.messages import TASK
from orchestration.worker import lifecycle, pacing  # noqa: F401 - tie the process to Celery


@shared_task(name=TASK, bind=True, Request="orchestration.worker.telling:StepRequest")
def perform_step(self: Any, step_id: int) -> str:
    """Perform a step if the database says so; the returned word is what Flower shows."""
    with worker.current_host() as host:
        return executor.perform(step_id, self.request.id, host, Continuation(self.request))
