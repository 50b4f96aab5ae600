"""Who has the thread's connection while an agent works: the pool, unless the agent is done before it matters.

Never the agent: it gets connections of its own, if it asks for one (`agents/sessions`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import inf
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connection, connections

_QUICK_SECONDS: Final = 0.01
# How long each agent's latest call took in this process.
_took: dict[str, float] = {}


@contextmanager
def lent_connection(agent: str) -> Iterator[None]:
    """Give the thread's connection back to the pool for the time of a call, unless this agent was quick lately.

    A thousand agents that wait on a model must not hold a thousand connections; for one that answers within
    milliseconds, giving back and asking again is a tenth of its step. At most half of the pool is kept so, in case a
    quick agent turns slow on all threads at once.
    """
    own = connections[
        DEFAULT_DB_ALIAS
    ]  # once: each look through `connection` costs as much as all the rest here
    if own.in_atomic_block:
        yield
        return
    places = _places()
    is_kept = _took.get(agent, inf) < _QUICK_SECONDS and places.acquire(blocking=False)
    if not is_kept:
        own.close()
    started = time.monotonic()
    try:
        yield
    finally:
        _took[agent] = time.monotonic() - started
        if is_kept:
            places.release()


@cache
def _places() -> threading.Semaphore:
    pool = connection.settings_dict["OPTIONS"].get("pool")
    return threading.BoundedSemaphore(int(pool["max_size"]) // 2 if pool else 1)
