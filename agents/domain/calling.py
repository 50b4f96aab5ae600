"""How a call is made: asked of the journal, made if it was not done, and its answer written. Pure.

A `def` does all of it in its own thread. In an `async def` the call is awaited, and what asks the journal, which may
take long while the database is away, is carried out by the thread that waits for the coroutine: the event loop turns
on for its neighbours.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from copy import deepcopy
from types import CoroutineType
from typing import Any, Final, TypeAlias, TypeVar

from agents.domain.call_texts import read_response, write_request, write_response
from agents.domain.calls import Begun, CallKind, Calls, CallWish, Kept
from agents.domain.interruption import answer_loop, is_suspension
from agents.domain.usage import CallUsage, Reservation
from agents.errors import CallRefused, Suspended

T = TypeVar("T")
_KEY: Final = "idempotency_key"
_LOOK_SECONDS: Final = 0.005
_QUIET_TURNS: Final = 5
# What ends a call in order. An order to end the process, or to cancel, leaves it as begun: nobody can tell.
_ENDINGS: Final = (Exception, Suspended, BaseExceptionGroup)


Body: TypeAlias = Callable[[Begun], Awaitable[tuple[object, CallUsage | None]]]
"""Makes a call that was begun; returns its answer as plain values, and what it used where that is known."""


def make_once(
    calls: Calls,
    name: str,
    function: Callable[..., Any],
    *arguments: Any,
    key: str | None,
    repeatable: bool = True,
) -> Any:
    """Return what a function returns, from the journal if it was called before; awaitable under a running loop.

    Raises: CallRefused, CallDiverged, UnreadableOutput: as `Task.once` says. Else whatever the function raises.
    """
    if not callable(function):
        raise CallRefused(
            f"task.once(name, function, *arguments): {function!r:.80} is not callable; hand over the function itself, "
            "not what it returned"
        )
    if is_in_loop():
        return _make_once_awaited(calls, name, function, arguments, key, repeatable)
    with calls.take_path(name, key) as path, calls.count_under_way():
        wish = CallWish(path, CallKind.ONCE, name, write_request(name, arguments), repeatable)
        begun = carry(lambda: calls.journal.begin(wish))
        if isinstance(begun, Kept):
            return read_response(path, begun.response_json)
        try:
            text = write_response(name, _call(function, arguments, begun, name))
        except _ENDINGS as error:
            note = _note_ending(calls, wish, begun, error)
            carry(note)
            raise
        carry(lambda: _end(calls, wish, begun, text))
        return read_response(path, text)


async def _make_once_awaited(
    calls: Calls,
    name: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    key: str | None,
    repeatable: bool,  # noqa: FBT001 - as of `make_once`
) -> Any:
    async def perform(begun: Begun) -> tuple[object, None]:
        return await _call_awaited(function, arguments, begun), None

    with calls.take_path(name, key) as path:
        wish = CallWish(path, CallKind.ONCE, name, write_request(name, arguments), repeatable)
        return read_response(path, await call_awaited(calls, wish, perform))


async def call_awaited(
    calls: Calls, wish: CallWish, perform: Body, reservation: Reservation | None = None
) -> str:
    """Return the answer of a call, from the journal if it was done before; the caller has taken its path.

    Args: perform: makes the call.  reservation: what it may use at most.
    Raises: CallRefused, CallDiverged, Suspended. Else whatever `perform` raises.
    """
    return await outlive(calls, _make(calls, wish, perform, reservation))


async def outlive(calls: Calls, call: Coroutine[Any, Any, T]) -> T:
    """Await a call that is finished and kept, once it has begun, although the attempt is suspended meanwhile.

    A coroutine that is cancelled because another of its group waits must not lose what is paid for.
    """
    made = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(made)
    except asyncio.CancelledError:
        if not calls.journal.is_suspended:
            made.cancel()
            await asyncio.wait([made])
        made.add_done_callback(_pass_over)
        raise


async def _make(calls: Calls, wish: CallWish, perform: Body, reservation: Reservation | None) -> str:
    with calls.count_under_way():
        begun = await carry_awaited(lambda: calls.journal.begin(wish, reservation))
        if isinstance(begun, Kept):
            return begun.response_json
        usage: CallUsage | None = None
        try:
            answer, usage = await perform(begun)
            text = write_response(wish.name, answer)
        except _ENDINGS as error:
            # What can't be kept is paid for all the same.
            note = _note_ending(calls, wish, begun, error, usage)
            await carry_awaited(note)
            raise
        await carry_awaited(lambda: _end(calls, wish, begun, text, usage))
        return text


def _end(calls: Calls, wish: CallWish, begun: Begun, text: str, usage: CallUsage | None = None) -> None:
    """Write a call's answer, and first what was noted within it: a later attempt does not make it again."""
    notes = calls.notebook.list_notes(f"{wish.path}/")
    if notes:
        calls.journal.keep_notes(wish, begun, notes)
    calls.journal.end(wish, begun, text, usage)


def _note_ending(
    calls: Calls, wish: CallWish, begun: Begun, error: BaseException, usage: CallUsage | None = None
) -> Callable[[], None]:
    """Return what writes how a call ended without an answer: it failed, or something within it waits.

    What waits within it is made first when the agent runs again, and the call is then made anew: nobody has to be asked
    whether it happened.
    """
    if is_suspension(error):
        return lambda: calls.journal.withdraw(wish, begun)
    # Of a group what failed counts, whatever waits beside it.
    failed = error.subgroup(Exception) if isinstance(error, BaseExceptionGroup) else error
    return lambda: calls.journal.fail(wish, begun, failed, usage) if isinstance(failed, Exception) else None


def _pass_over(made: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for, lest asyncio complains of it."""
    if not made.cancelled():
        made.exception()


async def settle(calls: Calls) -> None:
    """Let what runs beside a coroutine that was suspended go on as long as it calls something.

    Each branch comes to where it waits, too. What does something else for longer than a few turns of the loop is cut
    off there.
    """
    quiet = 0
    while quiet < _QUIET_TURNS:
        quiet = 0 if calls.are_under_way else quiet + 1
        await asyncio.sleep(0 if quiet else _LOOK_SECONDS)


async def stand_still(calls: Calls) -> None:
    """Return when all that runs beside a wait has come to where it waits, too, or does something else than calls."""
    if calls.settling is None or calls.settling.done():
        calls.settling = asyncio.ensure_future(settle(calls))
    await asyncio.shield(calls.settling)


def settle_threads(calls: Calls, seconds: float) -> None:
    """Wait likewise for what a `def` lets other threads call, for at most so long."""
    over_at = time.monotonic() + seconds
    while calls.are_under_way and time.monotonic() < over_at:
        time.sleep(_LOOK_SECONDS)


# A function gets its arguments for itself: what it changed in them would not be changed after a retry, when it is not
# called, and the calls behind it would be told others than before.
def _call(function: Callable[..., Any], arguments: tuple[Any, ...], begun: Begun, name: str) -> Any:
    answer = function(*deepcopy(arguments), **_give_key(function, begun))
    if type(answer) is CoroutineType:
        answer.close()
        raise CallRefused(
            f"the call '{name}' is of an async function: let the agent be `async def`, and await task.once(...)"
        )
    return answer


async def _call_awaited(function: Callable[..., Any], given: tuple[Any, ...], begun: Begun) -> Any:
    arguments, more = deepcopy(given), _give_key(function, begun)
    if inspect.iscoroutinefunction(function):
        return await function(*arguments, **more)
    # What is no coroutine may block, and would block the loop with it.
    answer = await asyncio.to_thread(answer_loop, lambda: function(*arguments, **more))
    return await answer if isinstance(answer, Awaitable) else answer


def _give_key(function: Callable[..., Any], begun: Begun) -> dict[str, str]:
    """Return the call's key for a function that asks for it by the parameter's name."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions tell nothing
        return {}
    return {_KEY: begun.key} if _KEY in parameters else {}


class Servant:
    """The thread that waits for a coroutine, and meanwhile carries out what the coroutine may not do on its loop."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._is_gone = False

    def ask(self, act: Callable[[], T]) -> Future[T]:
        """Let the waiting thread do something; the future tells what came of it."""
        answer: Future[T] = Future()

        def carry_out() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(act())
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                answer.set_exception(error)

        if self._is_gone:
            answer.set_exception(CallRefused("nobody waits for this agent any more: its time is over"))
        else:
            self._jobs.put(carry_out)
        return answer

    def wait(self, future: Future[Any], seconds: float) -> bool:
        """Carry out what is asked for until the future is done, or the time is over; return whether it is done."""
        over_at = time.monotonic() + seconds
        while not future.done():
            try:
                job = self._jobs.get(timeout=max(over_at - time.monotonic(), 0))
            except queue.Empty:
                return future.done()
            if job is not None:
                job()
        return True

    def wake(self, _future: object = None) -> None:
        """Let the waiting thread look at its future."""
        self._jobs.put(None)

    def leave(self) -> None:
        """Wait for nobody any more; what was asked for is refused."""
        self._is_gone = True
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job()


SERVANT: Final[ContextVar[Servant | None]] = ContextVar("agents_servant", default=None)
"""Who waits for the coroutine of this context."""


def is_in_loop() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def carry(act: Callable[[], T]) -> T:
    """Carry out here, or, on a thread that a coroutine began, where somebody waits for the coroutine."""
    servant = SERVANT.get()
    return act() if servant is None else servant.ask(act).result()


def carry_awaited(act: Callable[[], T]) -> Coroutine[Any, Any, T]:
    """Have something carried out by the thread that waits for this coroutine."""
    servant = SERVANT.get()
    if servant is None:  # a coroutine that no engine runs, as in a test of it
        return asyncio.to_thread(act)
    return _await(servant.ask(act))


async def _await(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)
