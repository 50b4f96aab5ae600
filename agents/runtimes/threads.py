"""Threads for what coroutines hand to threads: each piece of work ends there as an agent's call does in its own.

Django's asynchronous ORM, `sync_to_async`, `asyncio.to_thread` and `run_in_executor` all come here. Their connections
would else stay with the thread for as long as the process lives, broken ones too.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context, ContextVar
from typing import Final, ParamSpec, TypeVar

from agents.domain.interruption import answer_loop
from agents.runtimes.confinement import ending_forked_copies, refuse_lost, tell_lost
from agents.sessions import put_away, share_pool

CALLER: Final[ContextVar[str]] = ContextVar("agents_caller", default="")
"""The agent for which a coroutine, and all that it begins, works."""
ASIDE: Final[ContextVar[Executor | None]] = ContextVar("agents_aside", default=None)
"""Threads for work beside the loop of this context, for libraries that else take their own."""

P = ParamSpec("P")
T = TypeVar("T")


class AsideThreads(ThreadPoolExecutor):
    """A loop's threads for work that may go on beside its neighbours; each piece has connections of its own."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Take on a piece of work for the agent whose coroutine asks."""
        agent = CALLER.get()
        return super().submit(lambda: _work_aside(agent, lambda: fn(*args, **kwargs)))


class CallThread(ThreadPoolExecutor):
    """One call's thread for work that must stay on one: a transaction may span several pieces of it."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="agents-call")
        self._is_used = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Take on a piece of work."""
        self._is_used = True
        return super().submit(_work_on_one, lambda: fn(*args, **kwargs))

    def end(self) -> Future[list[str]] | None:
        """Put away the thread's connections and let it end; return what was left open there, once that is known."""
        ending = super().submit(put_away) if self._is_used else None
        self.shutdown(wait=False)
        return ending


def _work_aside(agent: str, act: Callable[[], T]) -> T:
    share_pool()
    try:
        with ending_forked_copies():
            # A thread keeps its context: what is set in it would be there for the next piece, whosever that is.
            answer = Context().run(answer_loop, act)
    except BaseException:
        tell_lost(agent, put_away())
        raise
    refuse_lost(agent, put_away())
    return answer


def _work_on_one(act: Callable[[], T]) -> T:
    share_pool()
    with ending_forked_copies():
        return answer_loop(act)
