"""The door of one process: a breaker opens when failures are written, and until then the next calls would pass.

Forty steps that were claimed together would all reach an agent that died a moment ago. So from an agent's first
failure to its next answer this process suspects it, and each call is counted beforehand, for all processes to see
(`breakers.presume_failure`). So are its first calls here, until one ends: other processes may know already that it
fails. Calls that were under way before the first failure can't be called back; the door knows how many they are.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from agents.conf import get_conf


class Standing(Enum):
    """What a process thinks of an agent that it is about to call.

    Attributes: GOOD: call it.  NEW: count the call beforehand; it is turned away only if the agent failed elsewhere.
        SUSPECT: count the call beforehand, as one of the few that may.
    """

    GOOD = "good"
    NEW = "new"
    SUSPECT = "suspect"


@dataclass(slots=True)
class _Record:
    """What this process knows of an agent.

    Attributes: firsts: calls yet to be counted until one ends here.  failed_at: last, if it has not answered since.
        uncounted: claims whose call the database knows nothing of: under way, or failed and not written yet.
        in_a_row: failures since it answered last.
    """

    firsts: int
    in_a_row: int = 0
    failed_at: float | None = None
    uncounted: set[UUID] = field(default_factory=set)


class Door:
    """Knows, per agent, whether it failed since its last answer, and which calls nobody else knows of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Suspect nobody. `clock`: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def let_in(self, agent: str, token: UUID) -> Standing:
        """Let a claim call an agent in good standing; in any other its call must be counted beforehand."""
        with self._lock:
            record = self._find(agent)
            if self._is_suspect(agent, record):
                return Standing.SUSPECT
            if record.firsts > 0:
                record.firsts -= 1
                return Standing.NEW
            record.uncounted.add(token)
            return Standing.GOOD

    def note_end(self, agent: str, token: UUID, *, failed: bool | None) -> None:
        """Learn from a call. `failed`: in a way that counts; None when its end says nothing about the agent."""
        with self._lock:
            record = self._find(agent)
            if failed is not None:
                record.failed_at = self._clock() if failed else None
                record.in_a_row = record.in_a_row + 1 if failed else 0
                record.firsts = 0
            if not failed:
                record.uncounted.discard(token)

    def note_written(self, agent: str, token: UUID) -> None:
        """Know that a failure of this process is in the database by now, or will never be."""
        with self._lock:
            self._find(agent).uncounted.discard(token)

    def count_uncounted(self, agent: str) -> int:
        """Return how many calls of this process are under way, or failed, that the database knows nothing of."""
        with self._lock:
            return len(self._find(agent).uncounted)

    def count_in_a_row(self, agent: str) -> int:
        """Return how many failures this process has seen since the agent's last answer to it."""
        with self._lock:
            return self._find(agent).in_a_row

    def _find(self, agent: str) -> _Record:
        if agent not in self._records:
            self._records[agent] = _Record(firsts=get_conf().limits_of(agent).failures + 1)
        return self._records[agent]

    def _is_suspect(self, agent: str, record: _Record) -> bool:
        if record.failed_at is None:
            return False
        return self._clock() - record.failed_at <= get_conf().limits_of(agent).window_seconds
