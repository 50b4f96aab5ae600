"""Worker events that tell of steps: how each ended, and of those that ran on, without a message, that they did.

These are buffered and sent every second as one message, since an event of its own would cost as much as the message
that running on saves. On a thread of its own: a broker that hangs must delay neither the heartbeat nor a step. What
can't be sent is dropped; events are for watching, the truth is in the rows.
"""

import threading
import time
from collections import deque
from typing import Any

import structlog
from celery import current_app
from celery.worker.request import Request

from orchestration.broker import open_impatient_connection
from orchestration.domain.work import Claim

log = structlog.get_logger(__name__)
# What Flower's column says of a step whose message was taken well, but whose attempt did not end well. Celery's own
# event would say SUCCESS, since no exception may leave the task: it would fail a chord that the database still counts.
_ENDINGS = {
    "escalate": ("task-failed", "held for a person: the run's page says why"),
    "abort": ("task-failed", "failed for good, and its run is undone: the run's page says why"),
    "refused": (
        "task-failed",
        "came too late: the step had passed to another attempt, and nothing was written",
    ),
    "withdraw": ("task-revoked", "taken back: its run was cancelled or ended meanwhile"),
    "retry": ("task-retried", "failed, and is tried again"),
    "fallback": ("task-retried", "failed, and goes on with its fallback agent"),
    "revise": ("task-retried", "its output was refused, and is made anew"),
    "rework": ("task-retried", "sent work back to an earlier step"),
    "database_away": ("task-retried", "the database was away for too long: the maintainer goes on with it"),
}
_MOST_BUFFERED = 10_000
_FLUSH_SECONDS = 1.0


def describe_ending(word: str, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the event that tells how a step ended.

    Args: word: what `perform` returned.  fields: those of Celery's own event, which says that the task succeeded.
    """
    kind, text = _ENDINGS.get(word, ("", ""))
    if not kind:
        return "task-succeeded", fields
    return kind, {**fields, "exception": f"{word}: {text}", "traceback": ""}


class StepRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A message as Celery's worker follows it, but that its last event tells how the step ended."""

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002 - Celery's own name
        """Send an event to whoever watches the workers."""
        if type == "task-succeeded":
            type, fields = describe_ending(str(fields.get("result")).strip("'"), fields)  # noqa: A001
        super().send_event(type, **fields)


class EventTeller:
    """Sends received, started and succeeded events in batches under the worker's name."""

    def __init__(self, hostname: str) -> None:
        """Prepare; nothing is opened before the first flush."""
        self._hostname = hostname
        self._told: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_MOST_BUFFERED)
        self._dispatcher: Any = None
        self._stop = threading.Event()

    def start(self) -> None:
        """Start sending what is told."""
        threading.Thread(target=self._run, name="teller", daemon=True).start()

    def stop(self) -> None:
        """Stop sending."""
        self._stop.set()

    def tell(self, claim: Claim, word: str) -> None:
        """Remember one step that ran on; never waits."""
        name = f"{claim.run.workflow_name}/{claim.key}"
        ended = time.time()
        runtime = (claim.now() - claim.claimed_at).total_seconds()
        base = {"uuid": claim.task_id, "timestamp": ended - runtime}
        arguments = {"name": name, "args": f"({claim.step_id},)", "kwargs": "{}", "retries": 0, "eta": None}
        self._told.append(("task-received", base | arguments))
        self._told.append(("task-started", base))
        end = {"timestamp": ended, "result": repr(str(word)), "runtime": runtime}
        kind, fields = describe_ending(word, base | end)
        self._told.append((kind, fields))

    def _run(self) -> None:
        while not self._stop.wait(_FLUSH_SECONDS):
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - whatever a broker raises, watching must not end work
                log.warning(
                    "events_dropped", error=str(error), next="the next batch is tried on a new connection"
                )
                self._dispatcher = None

    def _flush(self) -> None:
        if not self._told:
            return
        if self._dispatcher is None:
            self._dispatcher = current_app.events.Dispatcher(
                open_impatient_connection(),
                hostname=self._hostname,
                buffer_while_offline=False,
                buffer_group=frozenset({"task"}),
                buffer_limit=_MOST_BUFFERED,
            )
        while self._told:
            kind, fields = self._told.popleft()
            self._dispatcher.send(kind, **fields)
        self._dispatcher.flush()
