"""Tells an order to end this process from what an agent raises."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

# A worker process that is told to end is interrupted by an exit raised from this module's signal handler.
_SIGNAL_HANDLERS: Final = frozenset({"billiard.common"})


def is_order_to_end(error: BaseException) -> bool:
    """Return whether an exception comes from a worker's signal or Ctrl-C, and not from the agent."""
    if isinstance(error, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    # Not only the innermost frame: in a pool's child `sys.exit` itself is a function of the pool's.
    return isinstance(error, SystemExit) and not _SIGNAL_HANDLERS.isdisjoint(_modules_on_the_way(error))


def _modules_on_the_way(error: BaseException) -> Iterator[str]:
    frame = error.__traceback__
    while frame is not None:
        yield str(frame.tb_frame.f_globals.get("__name__", ""))
        frame = frame.tb_next
