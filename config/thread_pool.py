"""Celery's pool of threads, with threads that can be given up: one that hangs gets a substitute.

A thread can't be stopped. Celery's own pool would take no more work once all its threads hang, and would neither stop
nor exit for them. Here they are daemon threads; who waits for the end waits only for those that are not lost.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeAlias

from billiard.einfo import ExceptionInfo
from celery.concurrency import thread
from celery.concurrency.base import apply_target

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_Work: TypeAlias = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class Executor:
    """Runs calls on at most `limit` threads, not counting lost ones: up to so many are replaced."""

    def __init__(self, limit: int) -> None:
        """Prepare; threads are started as calls come."""
        self._limit = limit
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._lost: set[int] = set()
        self._is_closed = self._is_abandoned = False
        # Celery counts these.
        self._threads: set[threading.Thread] = set()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run a call on a thread; starts one if none is idle and there may be more.

        Raises: RuntimeError: no thread can be started and there is none; the call is taken back.
        """
        future: Future[Any] = Future()
        self._work.put((future, function, arguments))
        if not self._idle.acquire(blocking=False):
            try:
                self._start_one()
            except RuntimeError:
                future.cancel()
                raise
        return future

    def give_up(self, ident: int) -> bool:
        """Put another thread in the place of a lost one; False when too many are lost already, or none is left."""
        with self._lock:
            self._lost.add(ident)
            is_replaced = len(self._lost) <= self._limit
        try:
            if is_replaced:
                self._start_one()
        except RuntimeError:
            return False
        return is_replaced

    def shutdown(self) -> None:
        """Take back what has not begun, and wait for the threads that are not lost."""
        self._is_closed = True
        while not self._work.empty():
            work = self._work.get()
            if work is not None:
                work[0].cancel()
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._work.put(None)
        for one in threads:
            while one.is_alive() and one.ident not in self._lost and not self._is_abandoned:
                one.join(_LOOK_SECONDS)

    def abandon(self) -> None:
        """Let the end wait for no thread: they end with their process."""
        self._is_abandoned = True

    def _start_one(self) -> None:
        with self._lock:
            if len(self._threads) - len(self._lost) >= self._limit:
                return
            name = f"steps-{len(self._threads)}"
            one = threading.Thread(target=self._serve, name=name, daemon=True)
            self._threads.add(one)
        try:
            one.start()
        except RuntimeError as error:
            with self._lock:
                self._threads.discard(one)
                if len(self._threads) <= len(self._lost):
                    raise
            # The threads that there are take the work in turn; the next call that finds none idle tries again.
            log.warning(
                "no thread was started: %s; limits of the system or the container are at their end", error
            )

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            _run(*work)
            del work
            if self._is_closed or self._is_surplus():
                break
            if self._work.empty():
                self._idle.release()
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _is_surplus(self) -> bool:
        """Tell whether this thread came back from a step for which it was given up: another has its place."""
        with self._lock:
            ident = threading.get_ident()
            if ident not in self._lost:
                return False
            self._lost.discard(ident)
            return True


def _run(future: Future[Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function(*arguments))
    except BaseException as error:  # noqa: BLE001 - as in concurrent.futures: whoever asks for the result gets it
        future.set_exception(error)


def _apply(
    target: Callable[..., Any], args: Any, kwargs: Any, callback: Callable[..., Any], *more: Any
) -> None:
    """Run a task as Celery does, and tell its worker also of what was raised around the body.

    A chord whose broker refuses to count raises twice, and nobody would hear of the task again: its message is neither
    acknowledged nor given back, and keeps its place among those that a worker takes, until all places are kept so.
    """
    try:
        apply_target(target, args, kwargs, callback, *more)
    except Exception:
        callback((True, ExceptionInfo(internal=True), 0.0))
        raise


class TaskPool(thread.TaskPool):  # type: ignore[misc]  # Celery has no types
    """The pool that `-P threads` means here. Imported before Django is set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take Celery's arguments."""
        super().__init__(*args, **kwargs)
        self.executor = Executor(int(self.limit))

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
        callback: Any = None,
        accept_callback: Any = None,
        **_: Any,
    ) -> thread.ApplyResult:
        """Let a thread run a task."""
        future = self.executor.submit(_apply, target, args, kwargs, callback, accept_callback)
        return thread.ApplyResult(future)

    def on_stop(self) -> None:
        """Wait for what is under way and not lost."""
        self.executor.shutdown()

    def terminate_job(self, *_: object) -> None:
        """Wait for nobody: Celery asks this for what is at work when it is told to end at once, and then ends."""
        self.executor.abandon()
