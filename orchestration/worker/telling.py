"""Worker events for steps that were run on: without a message of their own Celery would not show them.

Buffered and sent with the heartbeat as one message, since an event of its own would cost as much as the message
that running on saves.
"""

import threading
from typing import Any

from celery import current_app

from orchestration.domain.work import Claim

_BUFFER_LIMIT = 10_000


class EventTeller:
    """Sends received, started and succeeded events in batches under the worker's name."""

    def __init__(self, hostname: str) -> None:
        """Connect lazily; nothing is sent before the first flush."""
        self._hostname = hostname
        self._lock = threading.Lock()
        self._dispatcher: Any = None

    def tell(self, claim: Claim, word: str) -> None:
        """Remember one step that ran on."""
        task = {"uuid": claim.task_id}
        name = f"{claim.run.workflow_name}/{claim.key}"
        runtime = (claim.now() - claim.claimed_at).total_seconds()
        with self._lock:
            send = self._connect().send
            send(
                "task-received",
                name=name,
                args=f"({claim.step_id},)",
                kwargs="{}",
                retries=0,
                eta=None,
                **task,
            )
            send("task-started", **task)
            send("task-succeeded", result=repr(str(word)), runtime=runtime, **task)

    def flush(self) -> None:
        """Send what was told since the last flush."""
        with self._lock:
            if self._dispatcher is not None:
                self._dispatcher.flush()

    def _connect(self) -> Any:
        if self._dispatcher is None:
            self._dispatcher = current_app.events.Dispatcher(
                current_app.connection_for_write(),
                hostname=self._hostname,
                buffer_group=frozenset({"task"}),
                buffer_limit=_BUFFER_LIMIT,
            )
        return self._dispatcher
