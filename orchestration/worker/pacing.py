"""Sends the worker's task events a few times a second instead of after every turn of its loop.

Flower lives on these events. One by one they are the dearest thing a busy worker's loop does, and everything else
waits for that loop: the messages that come and the acknowledgements that go.
"""

from contextlib import suppress
from typing import Any

from celery import bootsteps, current_app
from celery.worker.consumer.events import Events

_PAUSE_SECONDS = 0.2
# Far above what a worker does in that time: only the loop may send, and it does.
_MOST_BUFFERED = 100_000


class PacedEvents(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """A step of Celery's consumer: starts anew whenever the consumer has got a new connection and dispatcher."""

    requires = (Events,)

    def __init__(self, parent: Any, **options: Any) -> None:
        """Prepare; nothing is paced before `start`."""
        self._timer: Any = None
        super().__init__(parent, **options)

    def start(self, parent: Any) -> None:
        """Let the loop's timer send what its threads tell, from now on."""
        dispatcher = parent.event_dispatcher
        if parent.hub is None or dispatcher is None:
            return  # a pool without Celery's loop sends each event at once
        dispatcher.buffer_limit = _MOST_BUFFERED
        dispatcher.on_send_buffered = None
        self._timer = parent.hub.call_repeatedly(_PAUSE_SECONDS, dispatcher.flush)

    def stop(self, parent: Any) -> None:
        """Send what is left, if the broker is still there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            with suppress(Exception):
                parent.event_dispatcher.flush()


current_app.steps["consumer"].add(PacedEvents)
