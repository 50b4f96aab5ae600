"""Runs plain Python functions: `def` in the calling thread, `async def` on an event loop that turns (`loops.py`).

A thread can't be stopped, so a `def` that is late ends late; its claim token decides whether the answer still
counts. A coroutine is cancelled at its deadline.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from types import CoroutineType
from typing import Any, Final, TypeAlias

from asgiref.sync import ThreadSensitiveContext

from agents.domain.calling import SERVANT, Servant, settle, settle_threads
from agents.domain.catalogue import RegisteredAgent
from agents.domain.interruption import is_suspension
from agents.domain.invocation import Task
from agents.errors import LeftTransactionOpen, LoopHeld
from agents.runtimes.confinement import ending_forked_copies, refuse_lost, tell_lost
from agents.runtimes.loops import LOOK_SECONDS, PATIENCE_SECONDS, Hold, LoopThread, loops
from agents.runtimes.threads import CALLER, CallThread

_Answer: TypeAlias = tuple[object, BaseException | None]
_ENDING_SECONDS: Final = 10.0


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
        try:
            answer = agent.function(task)
        except BaseException as error:
            if is_suspension(error):
                settle_threads(task.calls, timeout_seconds)
            raise
        # By what came back, not by inspecting the function: partials, callable objects and lambdas work too.
        if type(answer) is CoroutineType:
            name = agent.contract.name
            return self._run_on_loop(name, _settling(task, answer), timeout_seconds)
        return answer

    def _run_on_loop(
        self, agent: str, coroutine: Coroutine[Any, Any, object], timeout_seconds: float
    ) -> object:
        CALLER.set(agent)
        servant = Servant()
        waiting = SERVANT.set(servant)
        try:
            while True:
                given = self._wait(_Entry(agent, coroutine, timeout_seconds), loops.choose(), servant)
                if given is not None:
                    break
        finally:
            SERVANT.reset(waiting)
            servant.leave()
        answer, error = given
        if error is not None:
            raise error
        return answer

    def _wait(self, entry: _Entry, thread: LoopThread, servant: Servant) -> _Answer | None:
        """Wait for the answer; return None if the loop is held and the coroutine did not begin there."""
        future = thread.submit(entry.run())
        future.add_done_callback(servant.wake)
        pause = PATIENCE_SECONDS
        try:
            while not servant.wait(future, min(pause, max(self._grace_seconds - entry.count_late(), 0))):
                hold = thread.look()
                if hold is not None and entry.withdraw():
                    return None
                self._give_up_late(entry, thread, hold)
                pause = LOOK_SECONDS
            answer = future.result()
        except CancelledError:
            raise RuntimeError(
                "the agent cancelled itself; return an answer or raise what went wrong"
            ) from None
        finally:
            # Nothing if it is done; else the caller was interrupted, or has waited long enough.
            future.cancel()
        if entry.is_out_of_time:
            return None, _excuse(entry, thread) or answer[1]
        return answer

    def _give_up_late(self, entry: _Entry, thread: LoopThread, hold: Hold | None) -> None:
        """Stop waiting for a coroutine that is past its deadline and can't or won't be cancelled.

        Raises: LoopHeld: another's coroutine keeps it from that.  TimeoutError: it keeps itself.
        """
        late = entry.count_late()
        held = _excuse(entry, thread) if late >= 0 else None
        if held is not None:
            raise held
        if late < self._grace_seconds:
            return
        where = f" at {hold.where}" if hold is not None else ""
        raise TimeoutError(
            f"the coroutine did not give way within {self._grace_seconds:g} s after its deadline of "
            f"{entry.timeout_seconds:g} s; it blocks the event loop{where} or swallows its cancellation"
        )


async def _settling(task: Task, coroutine: Coroutine[Any, Any, object]) -> object:
    """Await an agent; where it is suspended, what it calls at that moment is finished and kept first."""
    try:
        answer = await coroutine
    except BaseException as error:
        if is_suspension(error):
            await settle(task.calls)
        raise
    task.calls.is_over = True
    return answer


class _Entry:
    """One coroutine on one loop: it begins there, or is withdrawn before it does."""

    def __init__(self, agent: str, coroutine: Coroutine[Any, Any, object], timeout_seconds: float) -> None:
        self.agent = agent
        self.timeout_seconds = timeout_seconds
        self.submitted_at = time.monotonic()
        self.is_out_of_time = False
        self._coroutine = coroutine
        self._right_to_begin = threading.Lock()

    def withdraw(self) -> bool:
        """Return whether it has not begun, and never will here."""
        return self._right_to_begin.acquire(blocking=False)

    def count_late(self) -> float:
        """Return the seconds since its deadline."""
        return time.monotonic() - self.submitted_at - self.timeout_seconds

    async def run(self) -> _Answer:
        """Return the answer or what the agent raised.

        As a value: on its way through a future between threads a TimeoutError loses its traceback, and could not
        be told from the wait for that future timing out.
        """
        if not self._right_to_begin.acquire(blocking=False):
            return None, None
        own = CallThread()
        try:
            answer, error = await self._perform(own)
        finally:
            ending = own.end()
        lost = await _hear(ending)
        if error is not None:
            tell_lost(self.agent, lost)
            return None, error
        try:
            refuse_lost(self.agent, lost)
        except LeftTransactionOpen as fault:
            return None, fault
        return answer, None

    async def _perform(self, own: CallThread) -> _Answer:
        deadline = asyncio.timeout(self.timeout_seconds)
        try:
            async with ThreadSensitiveContext(executor=own), deadline:
                with ending_forked_copies():
                    return await self._coroutine, None
        except TimeoutError as error:
            self.is_out_of_time = deadline.expired()
            if not self.is_out_of_time:
                return None, error
            return None, TimeoutError(
                f"no answer within {self.timeout_seconds:g} s; the coroutine was cancelled"
            )
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            return None, error
        except BaseException as error:
            if not is_suspension(error):
                raise
            return None, error


def _excuse(entry: _Entry, thread: LoopThread) -> LoopHeld | None:
    """Return whose fault it is that a deadline passed; None if it is the agent's own."""
    hold = thread.find_hold(entry.submitted_at, but=entry.agent)
    if hold is None:
        return None
    return LoopHeld(entry.agent, hold.agent, hold.where, hold.overlap(entry.submitted_at))


async def _hear(ending: Future[list[str]] | None) -> list[str]:
    """Return what was left open on a call's own thread, unless that is still at work, for a task left behind."""
    if ending is None:
        return []
    try:
        return await asyncio.wait_for(asyncio.wrap_future(ending), _ENDING_SECONDS)
    except TimeoutError:
        return []
