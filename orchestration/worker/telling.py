"""Worker events for steps that were run on: without a message of their own Celery would not show them.

Buffered and sent every second as one message, since an event of its own would cost as much as the message that
running on saves. On a thread of its own: a broker that hangs must delay neither the heartbeat nor a step. What can't
be sent is dropped; events are for watching, the truth is in the rows.
"""

import threading
import time
from collections import deque
from typing import Any

import structlog
from celery import current_app

from orchestration.broker import open_impatient_connection
from orchestration.domain.work import Claim

log = structlog.get_logger(__name__)
_MOST_BUFFERED = 10_000
_FLUSH_SECONDS = 1.0


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
        self._told.append(
            ("task-succeeded", base | {"timestamp": ended, "result": repr(str(word)), "runtime": runtime})
        )

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
