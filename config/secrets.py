"""Keeps the engine's secrets out of the environment that agents find in a process of their own (queue `isolated`).

Settings have read them by then. What this can't do: an agent in a thread of a worker shares all of its memory, and one
in a forked process has a copy of the settings. docs/howto/production.md says what follows.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

from celery.signals import worker_init, worker_process_init

from config import env

_ENV_START, _ENV_END = 50, 51  # fields of /proc/self/stat, counted from 1 as in proc(5)


@worker_init.connect
def hide_from_neighbours(**_: Any) -> None:
    """Blank the secrets where other processes of the same user read them; this one still has them, to start anew."""
    env.set_again(env.secret_names())
    _blank(env.secret_names())


@worker_process_init.connect
def hide_from_agents(**_: Any) -> None:
    """Leave a child that agents run in none of them."""
    env.forget(env.secret_names())


def _blank(names: frozenset[str]) -> None:
    """Overwrite the values in the block that /proc/<pid>/environ shows: it keeps what the process was started with."""
    if sys.platform != "linux":
        return
    start, end = _find_block()
    at = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if value and name.decode(errors="replace") in names:
            ctypes.memset(at + len(name) + 1, 0, len(value))
        at += len(entry) + 1


def _find_block() -> tuple[int, int]:
    # The second field, a name in brackets, may hold blanks.
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return int(fields[_ENV_START - 3]), int(fields[_ENV_END - 3])
