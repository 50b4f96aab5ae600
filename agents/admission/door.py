"""The door of one process: a breaker opens when failures are written, and until then the next calls would pass.

Forty steps that were claimed together would all reach an agent that died a moment ago. So from an agent's first
failure to its next answer this process suspects it, and each call is counted beforehand, for all processes to see
(`breakers.presume_failure`). Calls that were under way before the first failure can't be called back.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from agents.conf import get_conf


@dataclass(slots=True)
class _Record:
    """What this process knows of an agent. `failed_at`: last, if it has not answered since.  unwritten: failures."""

    failed_at: float | None = None
    unwritten: int = 0


class Door:
    """Knows, per agent, whether it failed since its last answer, and what of that the database does not know yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Suspect nobody. `clock`: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._records: defaultdict[str, _Record] = defaultdict(_Record)

    def is_suspect(self, agent: str) -> bool:
        """Return whether calls to an agent must be counted beforehand."""
        failed_at = self._records[agent].failed_at
        if failed_at is None:
            return False
        return self._clock() - failed_at <= get_conf().limits_of(agent).window_seconds

    def note_end(self, agent: str, *, failed: bool | None) -> None:
        """Learn from a call. `failed`: in a way that counts; None when its end says nothing about the agent."""
        if failed is None:
            return
        with self._lock:
            record = self._records[agent]
            record.failed_at = self._clock() if failed else None
            record.unwritten += int(failed)

    def note_written(self, agent: str) -> None:
        """Know that a failure of this process is in the database by now, or will never be."""
        with self._lock:
            record = self._records[agent]
            record.unwritten = max(record.unwritten - 1, 0)

    def count_unwritten(self, agent: str) -> int:
        """Return how many failures of this process the database does not know yet."""
        return self._records[agent].unwritten
