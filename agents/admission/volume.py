"""How often agents are called: what a breaker weighs failures against.

A success writes nothing, so calls are counted in memory, and each process notes with its beat what came since the
last one. What is not noted yet, or died with its process, counts as no call: then failures weigh more, never less.
"""

import threading
from collections import Counter
from datetime import datetime
from typing import Final

from django.db.models import Sum

from agents.models import AgentCalls

# A row for every five seconds.
COUNT_CALLS: Final = """
INSERT INTO agents_agentcalls AS a (agent, process, at, calls)
SELECT c.key, %(process)s, to_timestamp(floor(extract(epoch FROM clock_timestamp()) / 5) * 5), c.value::integer
FROM jsonb_each_text(%(calls)s::jsonb) c
ON CONFLICT (agent, process, at) DO UPDATE SET calls = a.calls + excluded.calls
"""
"""Notes what one process counted: `calls` is a JSON object of agents and numbers, `process` its row's id."""


class _Counter:
    """Calls by agent since they were taken last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def add(self, agent: str) -> None:
        with self._lock:
            self._calls[agent] += 1

    def take(self) -> dict[str, int]:
        with self._lock:
            taken, self._calls = self._calls, Counter()
        return dict(taken)


_COUNTER: Final = _Counter()


def count_call(agent: str) -> None:
    """Count a call that this process made; writes nothing."""
    _COUNTER.add(agent)


def take_calls() -> dict[str, int]:
    """Return the calls by agent that were counted since this was asked last."""
    return _COUNTER.take()


def sum_calls(agent: str, since: datetime) -> int:
    """Return how many calls of an agent all processes have noted since a moment."""
    found = AgentCalls.objects.filter(agent=agent, at__gt=since).aggregate(calls=Sum("calls"))
    return found["calls"] or 0


def forget_calls(before: datetime) -> int:
    """Delete what no window reaches any more; return how many rows."""
    deleted, _ = AgentCalls.objects.filter(at__lt=before).delete()
    return deleted
