"""The event loops of one process, each in a thread of its own, and who keeps one from turning.

One loop serves all coroutines, until one of them blocks it. Whoever waits for an answer looks now and then whether the
loop still turns. If it does not, what has not begun goes to another loop, and what has begun there and runs out of time
is not blamed. When the first loop turns again, it is the first choice again.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, TypeVar

import structlog

from agents.runtimes.threads import ASIDE, CALLER, AsideThreads

log = structlog.get_logger(__name__)
T = TypeVar("T")

PATIENCE_SECONDS: Final = 1.0
"""So long a loop may not turn before it is looked at; a busy one turns within milliseconds."""
LOOK_SECONDS: Final = 0.25
_MOST_HOLDS: Final = 64
_MOST_ASIDE: Final = 64
# Where a loop is that has nothing to do, or is about to do it.
_OWN_FILES: Final = ("/asyncio/", "/selectors.py")


class _Task(asyncio.Task[Any]):
    """A task that knows for which agent it runs: also one that an agent's coroutine began."""

    agent = ""


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any) -> _Task:
    task = _Task(coroutine, loop=loop, **more)
    task.agent = CALLER.get()
    return task


@dataclass(slots=True)
class Hold:
    """A time in which a loop did not turn. `agent`: empty if no task of an agent held it.  `where`: in its code."""

    agent: str
    where: str
    began_at: float
    ended_at: float | None = None

    def overlap(self, since: float) -> float:
        """Return how many of the seconds since then it lasted."""
        return (self.ended_at or time.monotonic()) - max(self.began_at, since)


class LoopThread:
    """One loop and its thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(_make_task)  # type: ignore[arg-type]  # the stubs know it without a context
        self._aside = AsideThreads(_MOST_ASIDE, "agents-aside")
        self.loop.set_default_executor(self._aside)
        self.hold: Hold | None = None
        self._holds: deque[Hold] = deque(maxlen=_MOST_HOLDS)
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._suspect: tuple[object, float] | None = None
        self._thread = threading.Thread(target=self._serve, name="agents-event-loop", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Let the loop run a coroutine in the caller's context."""
        aside = ASIDE.set(self._aside)
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        finally:
            ASIDE.reset(aside)

    def look(self) -> Hold | None:
        """Return who keeps the loop from turning; it is asked at one look and must have answered by a later one."""
        with self._lock:
            now = time.monotonic()
            if self._asked_at is None:
                self._asked_at = now
                self.loop.call_soon_threadsafe(self._answer)
            elif self.hold is None and now - self._asked_at >= PATIENCE_SECONDS:
                self._suspect_holder(now)
            return self.hold

    def find_hold(self, since: float, but: str) -> Hold | None:
        """Return a hold by others than the agent `but` that cost at least the patience of the time since then."""
        with self._lock:
            held = [hold for hold in (self.hold, *self._holds) if hold is not None and hold.agent != but]
            return next((hold for hold in held if hold.overlap(since) >= PATIENCE_SECONDS), None)

    def stop(self) -> None:
        """End the loop with the process, so that it is not left half open."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=1)
        if not self._thread.is_alive():
            self.loop.close()

    def _serve(self) -> None:
        while True:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio hands these to the waiting caller and also ends the loop, which other agents still need.
                log.warning("an agent tried to end the process from its coroutine")
            else:
                return

    def _answer(self) -> None:
        with self._lock:
            self._asked_at = self._suspect = None
            hold, self.hold = self.hold, None
            if hold is None:
                return
            hold.ended_at = time.monotonic()
            self._holds.append(hold)
        log.info("loop_turns_again", agent=hold.agent, seconds=round(hold.overlap(0), 1))

    def _suspect_holder(self, now: float) -> None:
        """Take note of a hold once two looks find the same at work: all threads may have been stopped before one."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - there is no public way
        if frame is None or any(part in frame.f_code.co_filename for part in _OWN_FILES):
            return
        task = asyncio.current_task(self.loop)
        if self._suspect is None or self._suspect[0] is not task:
            self._suspect = (task, now)
        elif now - self._suspect[1] >= LOOK_SECONDS:
            agent = task.agent if isinstance(task, _Task) else ""
            self.hold = Hold(agent, _describe(frame), self._asked_at or now)
            log.warning(
                "loop_held",
                agent=agent,
                where=self.hold.where,
                next="other coroutines get another loop; let it await what takes time, or use asyncio.to_thread",
            )


class Loops:
    """The loops of this process, made when they are needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[LoopThread] = []
        self._inherited: list[LoopThread] = []

    def choose(self) -> LoopThread:
        """Return the first loop that turns."""
        for each in self._all:
            if each.hold is None:
                return each
        with self._lock:
            free = next((each for each in self._all if each.hold is None), None)
            if free is None:
                free = LoopThread()
                self._all = [*self._all, free]
            return free

    def forget(self) -> None:
        """Start afresh in a forked child, where no loop's thread exists and the lock may be held."""
        self._lock = threading.Lock()
        # Kept, not closed: closing would unregister the parent's file descriptors from the shared epoll.
        self._inherited += self._all
        self._all = []

    def stop(self) -> None:
        """End all loops with the process; one that is held is left to end with it."""
        for each in self._all:
            each.stop()


def _describe(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


loops: Final = Loops()
os.register_at_fork(after_in_child=loops.forget)
atexit.register(loops.stop)
