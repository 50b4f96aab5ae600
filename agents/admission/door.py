"""The door of one process: a breaker opens when failures are written, and until then the next calls would pass.

Forty steps that were claimed together would all reach an agent that died a moment ago. So from an agent's first
failure to its next answer, this process lets only so many calls through as would open the breaker anyway, and each of
them is counted beforehand, for all processes to see (`breakers.presume_failure`). Calls that were under way before the
first failure can't be called back.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from agents.conf import get_conf


class Entry(StrEnum):
    """Free: call. Suspect: presume a failure first. Refused: don't call."""

    FREE = "free"
    SUSPECT = "suspect"
    REFUSED = "refused"


@dataclass(slots=True)
class _Record:
    """What this process knows of an agent. `failed`: when, since its last answer.  unwritten: of these."""

    inside: int = 0
    unwritten: int = 0
    failed: deque[float] = field(default_factory=deque)


class Door:
    """Counts, per agent, the calls under way and the failures since the last answer. Safe among threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Open for everyone. `clock`: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._records: defaultdict[str, _Record] = defaultdict(_Record)

    def try_enter(self, agent: str) -> Entry:
        """Count a call in, unless it could be one too many for an agent that fails."""
        with self._lock:
            record = self._records[agent]
            failed = self._count_failed(agent, record)
            if failed and failed + record.inside > get_conf().limits_of(agent).failures:
                return Entry.REFUSED
            record.inside += 1
            return Entry.SUSPECT if failed else Entry.FREE

    def leave(self, agent: str, *, failed: bool | None) -> None:
        """Count a call out. `failed`: in a way that counts; None when its end says nothing about the agent."""
        with self._lock:
            record = self._records[agent]
            record.inside -= 1
            if failed:
                record.failed.append(self._clock())
                record.unwritten += 1
            elif failed is not None:
                record.failed.clear()

    def note_written(self, agent: str) -> None:
        """Know that a failure of this process is in the database by now, or will never be."""
        with self._lock:
            record = self._records[agent]
            record.unwritten = max(record.unwritten - 1, 0)

    def count_unwritten(self, agent: str) -> int:
        """Return how many failures of this process the database does not know yet."""
        return self._records[agent].unwritten

    def _count_failed(self, agent: str, record: _Record) -> int:
        if record.failed:
            oldest = self._clock() - get_conf().limits_of(agent).window_seconds
            while record.failed and record.failed[0] < oldest:
                record.failed.popleft()
        return len(record.failed)
