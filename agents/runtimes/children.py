"""Processes that an agent starts, in a worker that has a process for each call (the queue `isolated`).

The pool's own processes are daemons, and Python lets daemons have no children: for the time of a call this one counts
as a program of its own.
What is still there when the call ends is ended, and what the agent forked dies with its worker, also of a kill -9.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import thread
from contextlib import contextmanager
from multiprocessing import process
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

_PR_SET_PDEATHSIG: Final = 1
_ENDING_SECONDS: Final = 1.0
# What Python took this program for when it was loaded, before a pool made it one of its own.
_PROGRAM: Final[Any] = process.current_process()
_libc: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class _Parent:
    """This process while a call runs in it alone. `pid`: 0 when none does.  `forks`: whether its main thread forks."""

    pid = 0
    forks = False


@contextmanager
def own_children(agent: str) -> Iterator[None]:
    """Let a call that has a worker's process to itself start processes, and end those that it leaves."""
    pools: Any = process.current_process()
    if not pools.daemon:
        yield
        return
    # There is no public way: `daemon` can't be set any more, and the pool's own key refuses to be handed to a child.
    state: Any = process
    state._current_process = _PROGRAM  # noqa: SLF001
    _Parent.pid = os.getpid()
    try:
        yield
    finally:
        _Parent.pid = 0
        _end_children(agent)
        state._current_process = pools  # noqa: SLF001


def _end_children(agent: str) -> None:
    left = multiprocessing.active_children()
    if not left:
        return
    for child in left:
        child.terminate()
    for child in left:
        child.join(_ENDING_SECONDS)
        if child.is_alive():
            child.kill()
            child.join(_ENDING_SECONDS)
    log.warning("processes_left", agent=agent, count=len(left), next="they were ended with their agent")


def _note_fork() -> None:
    # The signal comes when the thread that forked ends, so only the main thread's children may ask for it.
    _Parent.forks = _Parent.pid != 0 and threading.current_thread() is threading.main_thread()


def _die_with_parent() -> None:
    parent = _Parent.pid
    if not _Parent.forks or _libc is None:
        return
    _Parent.pid = 0
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died in between


def _forget_threads() -> None:
    """Let a forked child end: it would wait for threads that only its parent has, or for the one that forked it."""
    executors: Any = thread
    executors._threads_queues.clear()  # noqa: SLF001 - what Python waits for at the end of a process


os.register_at_fork(before=_note_fork, after_in_child=_die_with_parent)
os.register_at_fork(after_in_child=_forget_threads)
