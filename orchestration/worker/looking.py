"""What the system says of a process that may be unable to speak for itself, and what its threads were at.

Part of the heart's own program (`pacemaker.py`), which loads this file by its path: it must import nothing of the
project.
"""

import struct
import time
from dataclasses import dataclass
from typing import Final

import psutil

PLACE: Final = struct.Struct("=qqd")
"""What one thread performs: its id with the system, the step (0: none), when its time is over (monotonic clock)."""
# Threads that wait for the interpreter's lock look for it 200 times a second, which takes less than this.
_LEAST_SHARE: Final = 0.05
_CAN_NOT_RUN: Final = frozenset({psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP})


@dataclass(frozen=True, slots=True)
class Flight:
    """A step that a thread performs. `ends_at`: by the monotonic clock, which all processes of a machine share."""

    thread: int
    step: int
    ends_at: float


@dataclass(frozen=True, slots=True)
class Look:
    """What the system says of a process at a moment: the CPU seconds that each of its threads has used."""

    at: float
    used: dict[int, float]


class Gone(Exception):
    """The process does not exist any more."""


def look_at(process: psutil.Process) -> Look | None:
    """Return how much CPU each thread has used; None when the process is stopped.

    Raises: Gone: it ended, maybe another has its number.
    """
    try:
        status = process.status() if process.is_running() else psutil.STATUS_DEAD
        if status in {psutil.STATUS_DEAD, psutil.STATUS_ZOMBIE}:
            raise Gone
        if status in _CAN_NOT_RUN:
            return None
        threads = process.threads()
    except psutil.NoSuchProcess as error:
        raise Gone from error
    return Look(time.monotonic(), {thread.id: thread.user_time + thread.system_time for thread in threads})


def count_used(before: Look, after: Look) -> dict[int, float]:
    """Return the CPU seconds that each thread used between two looks."""
    return {thread: used - before.used.get(thread, 0.0) for thread, used in after.used.items()}


def is_working(before: Look, after: Look) -> bool:
    """Return whether a thread got on between two looks: more than one that only waits for the lock."""
    return max(count_used(before, after).values(), default=0.0) > _LEAST_SHARE * (after.at - before.at)


def find_holder(before: Look, after: Look, flights: list[Flight]) -> Flight | None:
    """Return the step whose thread used the CPU; None when that was none of them, or not one of them alone."""
    used = count_used(before, after)
    most = max(used.values(), default=0.0)
    busy = {thread for thread, seconds in used.items() if seconds > most / 2}
    holders = [flight for flight in flights if flight.thread in busy]
    return holders[0] if len(busy) == 1 and len(holders) == 1 else None
