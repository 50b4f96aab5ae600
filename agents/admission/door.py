"""The door of one process: a breaker opens when failures are written, and until then the next calls would pass.

Forty steps that were claimed together would all reach an agent that died a moment ago. So from an agent's first
failure to its next answer this process suspects it, and each call is counted beforehand, for all processes to see
(`breakers.presume_failure`). Calls that were under way before the first failure can't be called back; the door knows
how many they are.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from agents.conf import get_conf


@dataclass(slots=True)
class _Record:
    """What this process knows of an agent.

    Attributes: failed_at: last, if it has not answered since.  uncounted: claims whose call the database knows nothing
        of: under way, or failed and not written yet.
    """

    failed_at: float | None = None
    uncounted: set[UUID] = field(default_factory=set)


class Door:
    """Knows, per agent, whether it failed since its last answer, and which calls nobody else knows of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Suspect nobody. `clock`: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._records: defaultdict[str, _Record] = defaultdict(_Record)

    def let_in(self, agent: str, token: UUID) -> bool:
        """Let a claim call an agent that is not suspect; return False when its call must be counted beforehand."""
        with self._lock:
            record = self._records[agent]
            if self._is_suspect(agent, record):
                return False
            record.uncounted.add(token)
            return True

    def note_end(self, agent: str, token: UUID, *, failed: bool | None) -> None:
        """Learn from a call. `failed`: in a way that counts; None when its end says nothing about the agent."""
        with self._lock:
            record = self._records[agent]
            if failed is not None:
                record.failed_at = self._clock() if failed else None
            if not failed:
                record.uncounted.discard(token)

    def note_written(self, agent: str, token: UUID) -> None:
        """Know that a failure of this process is in the database by now, or will never be."""
        with self._lock:
            self._records[agent].uncounted.discard(token)

    def count_uncounted(self, agent: str) -> int:
        """Return how many calls of this process are under way, or failed, that the database knows nothing of."""
        return len(self._records[agent].uncounted)

    def _is_suspect(self, agent: str, record: _Record) -> bool:
        if record.failed_at is None:
            return False
        return self._clock() - record.failed_at <= get_conf().limits_of(agent).window_seconds
