"""Where things are: pages of the console, pages of Flower, and the task ids that join them."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import UUID

from django.urls import reverse

from orchestration.conf import get_conf

_TASK = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.(\d{1,18})\.(\d{1,9})\Z", re.ASCII
)
_HEX = frozenset("0123456789abcdef")
_LEAST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class TaskId:
    """A Celery task id of ours: `<run>.<step>.<dispatch>`."""

    run_id: UUID
    step_id: int


def read_task_id(text: str) -> TaskId | None:
    """Return what a pasted task id names; None when it is none of ours."""
    found = _TASK.match(text.strip().lower())
    return TaskId(UUID(found[1]), int(found[2])) if found else None


def read_run_prefix(text: str) -> tuple[UUID, UUID] | None:
    """Return the span of run ids that begin so; None when no id begins so."""
    digits = text.strip().replace("-", "").lower()
    if not _LEAST_PREFIX <= len(digits) <= 32 or set(digits) - _HEX:
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def run_url(run_id: UUID) -> str:
    """Return the address of a run's page."""
    return reverse("admin:orchestration_run_change", args=(run_id,))


def stream_url(run_id: UUID) -> str:
    """Return the address of the stream of what happens in a run."""
    return reverse("api-run-stream", args=(run_id,))


def step_url(run_id: UUID, key: str) -> str:
    """Return the address of a step's page."""
    return reverse("admin:orchestration_run_step", args=(run_id, key))


def worker_url(process_id: int) -> str:
    """Return the address of a worker process's page."""
    return reverse("admin:orchestration_workerprocess_change", args=(process_id,))


def workflow_url(workflow_id: int) -> str:
    """Return the address of a workflow version's page."""
    return reverse("admin:orchestration_workflow_change", args=(workflow_id,))


def actor_url(actor_id: int) -> str:
    """Return the address of an actor's page."""
    return reverse("admin:orchestration_actor_change", args=(actor_id,))


def message_url(message_id: int) -> str:
    """Return the address of a message's page."""
    return reverse("admin:orchestration_message_change", args=(message_id,))


def topic_url(topic_id: int) -> str:
    """Return the address of a topic's page."""
    return reverse("admin:orchestration_topic_change", args=(topic_id,))


def mail_url(**narrowed: str) -> str:
    """Return the address of the list of messages, narrowed: by `sender`, `topic`."""
    return f"{reverse('admin:orchestration_message_changelist')}?{urlencode(narrowed)}"


def memory_url(memory_id: int) -> str:
    """Return the address of the page of a memory's key."""
    return reverse("admin:orchestration_memory_change", args=(memory_id,))


def memories_url(**narrowed: str) -> str:
    """Return the address of the list of memories, narrowed: by `scope`, `of`, `prefix`, `about`, `project`."""
    return f"{reverse('admin:orchestration_memory_changelist')}?{urlencode(narrowed)}"


def dead_letters_url(address: str = "") -> str:
    """Return the address of the list of dead letters, of one actor if it is named."""
    url = reverse("admin:orchestration_delivery_changelist")
    return f"{url}?{urlencode({'q': address})}" if address else url


def flower_task_url(task_id: str) -> str:
    """Return Flower's page of a task; "" without Flower or without a task."""
    flower = get_conf().FLOWER_URL.rstrip("/")
    return f"{flower}/task/{quote(task_id)}" if flower and task_id else ""


def flower_worker_url(name: str) -> str:
    """Return Flower's page of a worker; prefork children are pages of their parent."""
    flower = get_conf().FLOWER_URL.rstrip("/")
    return f"{flower}/worker/{quote(name.partition('/')[0])}" if flower else ""
