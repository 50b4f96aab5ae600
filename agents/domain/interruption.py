"""Tells an order to end this process from an exception of the same class that an agent, or a library, raised.

And `Suspended` from a failure; and makes of `StopIteration`, which would get lost on a loop, one that gets through.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, TypeVar

from agents.errors import Suspended

T = TypeVar("T")
# A worker process that is told to end is interrupted by an exit raised from this module's signal handler.
_SIGNAL_HANDLERS: Final = frozenset({"billiard.common"})


def is_order_to_end(error: BaseException) -> bool:
    """Return whether an exception tells this process to end: a worker's signal, or Ctrl-C.

    Anything else ends what raised it, whatever its class: an exit of an agent, a panic of a library.
    """
    if issubclass(type(error), KeyboardInterrupt):
        # Where the signal itself is ignored, as in a worker's child, nobody but the code itself can have raised it.
        is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        return is_heard and threading.current_thread() is threading.main_thread()
    # Not only the innermost frame: in a pool's child `sys.exit` itself is a function of the pool's.
    return issubclass(type(error), SystemExit) and not _SIGNAL_HANDLERS.isdisjoint(_modules_on_the_way(error))


def is_suspension(error: BaseException) -> bool:
    """Return whether an exception says that its agent waits: by itself, or with all of the group that it is.

    What else a group holds is a failure, which counts more: that may pass, and the wait is still there then.
    """
    if isinstance(error, BaseExceptionGroup):
        return bool(error.exceptions) and all(map(is_suspension, error.exceptions))
    return isinstance(error, Suspended)


def read_traceback(error: BaseException) -> TracebackType | None:
    """Return where an exception was raised; past what the class says of itself."""
    slot: Any = BaseException.__traceback__
    found: TracebackType | None = slot.__get__(error)
    return found


def _modules_on_the_way(error: BaseException) -> Iterator[str]:
    frame = read_traceback(error)
    while frame is not None:
        yield str(frame.tb_frame.f_globals.get("__name__", ""))
        frame = frame.tb_next


def answer_loop(act: Callable[[], T]) -> T:
    """Carry out on a thread what a coroutine waits for; `StopIteration`, as of `next()`, is raised as another error.

    A loop can't hand that one to a coroutine, which would then wait for ever.
    """
    try:
        return act()
    except StopIteration as stop:
        raise RuntimeError(
            "StopIteration was raised; for a value that may be missing use next(values, None)"
        ) from stop
