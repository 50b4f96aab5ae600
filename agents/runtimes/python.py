"""Runs plain Python functions: `def` in the calling thread, `async def` on one event loop per process.

A thread can't be stopped, so a `def` that is late ends late; its claim token decides whether the answer still
counts. A coroutine is cancelled at its deadline.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from types import CoroutineType
from typing import Any, Final

from agents.domain.catalogue import RegisteredAgent
from agents.domain.invocation import Task

logger = logging.getLogger(__name__)


class PythonRuntime:
    """The runtime of functions in this process.

    Args:
        grace_seconds: how long after its deadline a coroutine may take to give way: one that blocks the loop
            or swallows its cancellation must not keep the calling thread for ever.
    """

    def __init__(self, grace_seconds: float = 5.0) -> None:
        self._grace_seconds = grace_seconds

    def run(self, agent: RegisteredAgent, task: Task, timeout_seconds: float) -> object:
        """Return what the function returned; a coroutine is run to its end or its deadline."""
        answer = agent.function(task)
        # By what came back, not by inspecting the function: partials, callable objects and lambdas work too.
        if type(answer) is CoroutineType:
            return self._run_on_loop(answer, timeout_seconds)
        return answer

    def _run_on_loop(self, coroutine: Coroutine[Any, Any, object], timeout_seconds: float) -> object:
        future = asyncio.run_coroutine_threadsafe(_settle(coroutine, timeout_seconds), _event_loop.get())
        try:
            answer, error = future.result(timeout_seconds + self._grace_seconds)
        except TimeoutError:
            raise TimeoutError(
                f"the coroutine did not give way within {self._grace_seconds:g} s after its deadline of "
                f"{timeout_seconds:g} s; it blocks the event loop or swallows its cancellation"
            ) from None
        except CancelledError:
            raise RuntimeError(
                "the agent cancelled itself; return an answer or raise what went wrong"
            ) from None
        finally:
            # Nothing if it is done; else the caller was interrupted, or has waited long enough.
            future.cancel()
        if error is not None:
            raise error
        return answer


async def _settle(
    coroutine: Coroutine[Any, Any, object], timeout_seconds: float
) -> tuple[object, Exception | None]:
    """Return the answer or what the agent raised.

    As a value: on its way through a future between threads a TimeoutError loses its traceback, and could not
    be told from the wait for that future timing out.
    """
    deadline = asyncio.timeout(timeout_seconds)
    try:
        async with deadline:
            return await coroutine, None
    except TimeoutError as error:
        if not deadline.expired():
            return None, error
        return None, TimeoutError(f"no answer within {timeout_seconds:g} s; the coroutine was cancelled")
    except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
        return None, error


class _EventLoop:
    """The process's event loop, in a daemon thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._inherited: list[asyncio.AbstractEventLoop] = []

    def get(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        return loop if loop is not None else self._start()

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(loop,), name="agents-event-loop", daemon=True
                )
                self._thread.start()
                self._loop = loop
            return self._loop

    def forget(self) -> None:
        """Start afresh in a forked child, where the loop's thread does not exist and the lock may be held."""
        self._lock = threading.Lock()
        if self._loop is not None:
            # Kept, not closed: closing would unregister the parent's file descriptors from the shared epoll.
            self._inherited.append(self._loop)
        self._loop = self._thread = None

    def stop(self) -> None:
        """End the loop with the process, so that it is not left half open."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=1)
        if not thread.is_alive():
            loop.close()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            # asyncio hands these to the waiting caller and also ends the loop, which other agents still need.
            logger.warning("an agent tried to end the process from its coroutine")
        else:
            return


_event_loop: Final = _EventLoop()
os.register_at_fork(after_in_child=_event_loop.forget)
atexit.register(_event_loop.stop)
