"""What the threads of this process perform at the moment, also for eyes outside: the heart's process reads along.

Its part of it is plain numbers in shared memory, written when an attempt begins and when a message ends; nothing is
sent. While a step holds the interpreter nothing here can be asked, and the numbers stand still.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from mmap import mmap

from orchestration.domain.work import Claim
from orchestration.worker.looking import PLACE

_EMPTY = bytes(PLACE.size)


@dataclass(slots=True)
class Flight:
    """What one thread performs.

    Attributes: place: where its numbers stand.  task_id: of its message; what is run on has none of its own.
        ends_at: when its step's time is over, by the monotonic clock.  is_lost: that is long ago, and it has not come
        back.  numbers: what it shows outside.
    """

    thread: int
    place: int
    claim: Claim | None = None
    task_id: str = ""
    ends_at: float = inf
    is_lost: bool = False
    numbers: bytes = _EMPTY


class Flights:
    """The flights of one process. Threads come and go; each writes only what is its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none. `clock`: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._by_thread: dict[int, Flight] = {}
        self._free: list[int] = []
        self._memory: mmap | None = None

    def share(self, threads: int) -> int:
        """Return a file of memory that shows the flights of so many threads and of as many more.

        Those that are under way are shown there too: whoever reads it may have come in place of one that died.
        """
        places = 2 * threads + 1
        file = _open_memory()
        os.ftruncate(file, places * PLACE.size)
        with self._lock:
            self._free = list(range(places))
            self._memory = mmap(file, places * PLACE.size)
            for flight in self._by_thread.values():
                flight.place = self._free.pop() if self._free else -1
                self._write(flight, flight.numbers)
        return file

    def begin(self) -> None:
        """Note that this thread has a message in hand."""
        thread = threading.get_ident()
        with self._lock:
            place = self._free.pop() if self._free else -1
            self._by_thread[thread] = Flight(thread, place)

    def note(self, claim: Claim) -> None:
        """Note the attempt that this thread begins."""
        flight = self._by_thread.get(threading.get_ident())
        if flight is None:
            return  # driven by something that is no message of this worker
        left = (claim.deadline_at - claim.now()).total_seconds()
        flight.task_id = flight.task_id or claim.task_id
        flight.claim, flight.ends_at = claim, self._clock() + left
        numbers = PLACE.pack(threading.get_native_id(), claim.step_id, flight.ends_at)
        with self._lock:
            self._write(flight, numbers)

    def end(self) -> None:
        """Note that this thread is done with its message."""
        with self._lock:
            flight = self._by_thread.pop(threading.get_ident())
            self._write(flight, _EMPTY)
            if flight.place >= 0 and self._memory is not None:
                self._free.append(flight.place)

    def count(self) -> tuple[int, int]:
        """Return how many threads are at work, and how many more are lost."""
        with self._lock:
            lost = sum(flight.is_lost for flight in self._by_thread.values())
            return len(self._by_thread) - lost, lost

    def lose_overdue(self, patience_seconds: float) -> list[Flight]:
        """Return the threads whose step's time has just become over for so long; they count as lost from now on."""
        limit = self._clock() - patience_seconds
        with self._lock:
            lost = [one for one in self._by_thread.values() if one.ends_at < limit and not one.is_lost]
            for flight in lost:
                flight.is_lost = True
            return lost

    def _write(self, flight: Flight, numbers: bytes) -> None:
        flight.numbers, place = numbers, flight.place
        if self._memory is not None and place >= 0:
            self._memory[place * PLACE.size : (place + 1) * PLACE.size] = numbers


def _open_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ringmaster-flights")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
