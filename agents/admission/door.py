"""The door of one process: a breaker opens when failures are written, and until then the next calls pass.

Forty steps that were claimed together would all reach an agent that died a moment ago. So from an agent's first
failure to its next answer, this process lets only so many calls through as would open the breaker anyway. Calls
that were under way before the first failure can't be called back.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from agents.conf import get_conf


class Door:
    """Counts, per agent, the calls under way and the failures since the last answer. Safe among threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Open for everyone. `clock`: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: defaultdict[str, int] = defaultdict(int)
        self._failed: dict[str, deque[float]] = {}

    def try_enter(self, agent: str) -> bool:
        """Count a call in, unless it could be one too many for an agent that fails."""
        with self._lock:
            failed = self._count_failed(agent)
            if failed and failed + self._inside[agent] > get_conf().limits_of(agent).failures:
                return False
            self._inside[agent] += 1
            return True

    def leave(self, agent: str, *, failed: bool | None) -> None:
        """Count a call out. `failed`: in a way that counts; None when its end says nothing about the agent."""
        with self._lock:
            self._inside[agent] -= 1
            if failed:
                self._failed.setdefault(agent, deque()).append(self._clock())
            elif failed is not None:
                self._failed.pop(agent, None)

    def _count_failed(self, agent: str) -> int:
        failed = self._failed.get(agent)
        if not failed:
            return 0
        oldest = self._clock() - get_conf().limits_of(agent).window_seconds
        while failed and failed[0] < oldest:
            failed.popleft()
        return len(failed)
