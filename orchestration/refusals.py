"""Counts the messages that were refused, and tells of them in a way that no flood of them can turn into another."""

import threading
import time
from typing import Final

import structlog

log = structlog.get_logger(__name__)
_PAUSE_SECONDS: Final = 10.0


class Ledger:
    """Says at once that something was refused, and then at most every ten seconds how much."""

    def __init__(self) -> None:
        """Begin with nothing refused."""
        self._lock = threading.Lock()
        self._count = 0
        self._said_at = -_PAUSE_SECONDS

    def note(self, reason: str, *, queue: str) -> None:
        """Count one message.

        Args: reason: in our own words; nothing that a stranger wrote goes to the log at length.
        """
        with self._lock:
            self._count += 1
            if time.monotonic() - self._said_at < _PAUSE_SECONDS:
                return
            count, self._count, self._said_at = self._count, 0, time.monotonic()
        log.warning(
            "messages_refused",
            reason=reason,
            queue=ascii(queue)[:100],
            count=count,
            next="the engine did not send them: see who else can write to the broker",
        )


refused: Final = Ledger()
"""One per process."""
