"""What belongs to a whole process: put back after the call that changed it, and said whose it was.

In a process of its own, where a call has the main thread, everything on the list is put back at once. In a process with
many threads only what can be read within microseconds is watched. There a change is seen at the end of some call, and
whoever was at work may have made it, and may still need it: it is put back when the last of them has ended.
"""

from __future__ import annotations

import ctypes
import gc
import locale
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import structlog

from agents.domain.interruption import is_order_to_end

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Thing:
    """One thing of the process: how to read it, and how to make it as it was."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object]


def _find_getcwd() -> Callable[[Any, int], bytes | None]:
    # Through PyDLL, which keeps the interpreter's lock: `os.getcwd` lets go of it, and whoever asked at the end of a
    # step would wait for all other threads to get it back, with the lock of the watch in hand.
    getcwd = ctypes.PyDLL(None).getcwd
    getcwd.argtypes, getcwd.restype = (ctypes.c_char_p, ctypes.c_size_t), ctypes.c_char_p
    found: Callable[[Any, int], bytes | None] = getcwd
    return found


_getcwd: Final = _find_getcwd()
_LONGEST_FOLDER: Final = 4096


def _read_folder() -> bytes | None:
    """Return the working folder; None if it was removed, or is too long to be told."""
    return _getcwd(ctypes.create_string_buffer(_LONGEST_FOLDER), _LONGEST_FOLDER)


def _put_back_folder(folder: bytes | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _put_back_environment(values: dict[bytes, bytes]) -> None:
    for name in os.environb.keys() - values.keys():
        del os.environb[name]
    for name, value in values.items():
        if os.environb.get(name) != value:
            os.environb[name] = value


def _put_back_streams(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


def _put_back_path(path: list[str]) -> None:
    sys.path[:] = path


def _put_back_collector(enabled: bool) -> None:  # noqa: FBT001 - what `gc.isenabled` said
    (gc.enable if enabled else gc.disable)()


def _read_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _read_handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _put_back_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        # None: it was set by other than Python code, which can't be said again.
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


_SIGNALS: Final = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_OF_MANY: Final = (
    _Thing("working folder", _read_folder, _put_back_folder),
    # Its own table, not decoded: reading it through the mapping would take twenty times as long.
    _Thing("environment", lambda: dict(os.environ._data), _put_back_environment),  # type: ignore[attr-defined]  # noqa: SLF001
    _Thing("import path", lambda: list(sys.path), _put_back_path),
    _Thing("standard streams", lambda: (sys.stdout, sys.stderr), _put_back_streams),
    _Thing("socket time limit", socket.getdefaulttimeout, socket.setdefaulttimeout),
    _Thing("garbage collector", gc.isenabled, _put_back_collector),
    _Thing("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Thing("switch interval", sys.getswitchinterval, sys.setswitchinterval),
    _Thing("silenced logging", lambda: logging.root.manager.disable, logging.disable),
)
_OF_ONE: Final = (
    *_OF_MANY,
    _Thing("umask", _read_umask, os.umask),
    _Thing("signal handlers", _read_handlers, _put_back_handlers),
    _Thing(
        "alarm",
        lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        lambda is_set: None if is_set else signal.setitimer(signal.ITIMER_REAL, 0),
    ),
    _Thing(
        "locale", lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)
    ),
)


@contextmanager
def alone(agent: str) -> Iterator[None]:
    """Put back what a call changes of a process that it has to itself."""
    before = [thing.read() for thing in _OF_ONE]
    try:
        yield
    except BaseException as error:
        # Whoever was told to end changed its handlers itself.
        if not is_order_to_end(error):
            _put_back(_OF_ONE, before, [agent])
        raise
    _put_back(_OF_ONE, before, [agent])


def _put_back(things: tuple[_Thing, ...], before: list[Any], agents: list[str]) -> None:
    changed = []
    for thing, value in zip(things, before, strict=True):
        if thing.read() != value:
            changed.append(thing.name)
            thing.put_back(value)
    if changed:
        log.warning(
            "process_changed",
            agents=agents,
            changed=changed,
            next="it was put back; an agent that needs it so sets it in each call, and in the queue 'isolated'",
        )


class Watch:
    """The calls at work in a process with many threads, and who of them may have changed it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._at_work: dict[int, str] = {}
        self._suspects: dict[int, str] = {}
        self._before: list[Any] = []

    def begin(self, agent: str) -> int:
        """Note a call; return the number that it ends under."""
        with self._lock:
            if not self._before:
                self._before = [thing.read() for thing in _OF_MANY]
            number = next(self._numbers)
            self._at_work[number] = agent
            return number

    def end(self, number: int) -> None:
        """Put back what was changed, once all who were at work then have ended."""
        with self._lock:
            if not self._suspects and _is_changed(*self._before):
                self._suspects = dict(self._at_work)
            del self._at_work[number]
            if self._suspects and self._suspects.keys().isdisjoint(self._at_work):
                _put_back(_OF_MANY, self._before, sorted(set(self._suspects.values())))
                self._suspects = {}

    def forget(self) -> None:
        """Start afresh in a forked child, where nobody else is at work and the lock may be held."""
        self.__init__()  # type: ignore[misc]


def _is_changed(
    folder: Any,
    variables: Any,
    path: Any,
    streams: Any,
    seconds: Any,
    collects: Any,
    depth: Any,
    interval: Any,
    silence: Any,
) -> bool:
    """Compare in the order of `_OF_MANY`, without a copy and without a call more than needed: after every step."""
    return bool(
        os.environ._data != variables  # type: ignore[attr-defined]  # noqa: SLF001
        or sys.path != path
        or sys.stdout is not streams[0]
        or sys.stderr is not streams[1]
        or socket.getdefaulttimeout() != seconds
        or gc.isenabled() is not collects
        or sys.getrecursionlimit() != depth
        or sys.getswitchinterval() != interval
        or logging.root.manager.disable != silence
        or _read_folder() != folder
    )


watch: Final = Watch()
os.register_at_fork(after_in_child=watch.forget)
