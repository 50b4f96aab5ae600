"""One watcher per web process: it looks once a second for all listeners, on a thread and a connection of its own.

It works only while somebody listens. A listener that is slow is told the latest of each ticket, or to ask for all
anew; nothing piles up for it.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import structlog
from django.db import DatabaseError, InterfaceError, connection

from escalation.selectors.changes import Change, Look, News, read_changes, read_looks, read_moment
from escalation.selectors.listening import View, find_views
from orchestration.selectors.entries import Entry, find_callers

LOOK_SECONDS: Final = 1.0
RIGHTS_SECONDS: Final = 5.0
MOST_PENDING: Final = 500

_Read = TypeVar("_Read")

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream: who it is for, what they may hear of, and what they have not taken yet."""

    entry: Entry
    view: View
    asked_at: float = field(default_factory=time.monotonic)
    is_over: bool = False
    must_ask_anew: bool = True
    changes: dict[int, Change] = field(default_factory=dict)
    looks: dict[int, Look] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, changes: Iterable[Change], looks: Iterable[Look], *, is_whole: bool) -> None:
        """Put aside what this listener may see; the latest of each ticket takes the place of what was there."""
        self.changes |= {change.id: change for change in changes if self.view.holds(change.queue, change.id)}
        self.looks |= {look.id: look for look in looks if self.view.holds(look.queue, look.id)}
        if not is_whole or len(self.changes) > MOST_PENDING:
            self.must_ask_anew = True
            self.changes.clear()
        if self.changes or self.looks or self.must_ask_anew:
            self.news.set()

    def allow(self, view: View) -> None:
        """Take over what the person may hear of now; nothing at all ends the stream."""
        self.asked_at = time.monotonic()
        if view != self.view:
            self.must_ask_anew = True
            self.changes = {one.id: one for one in self.changes.values() if view.holds(one.queue, one.id)}
            self.looks = {one.id: one for one in self.looks.values() if view.holds(one.queue, one.id)}
            self.news.set()
        self.view = view
        if not (view.queues or view.tickets):
            self.is_over = True
            self.news.set()

    async def take(self, seconds: float) -> tuple[bool, list[Change], list[Look]]:
        """Return what is to be told, after at most so many seconds: ask anew, changes, looks."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), seconds)
        taken = self.must_ask_anew, list(self.changes.values()), list(self.looks.values())
        self.must_ask_anew, self.changes, self.looks = False, {}, {}
        self.news.clear()
        return taken


class Watcher:
    """Looks for all listeners of one event loop."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._moment = ""
        self._looks: dict[int, Look] = {}

    def join(self, listener: Listener) -> None:
        """Begin to tell a listener what changes."""
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._moment = ""
        try:
            while self._listeners:
                try:
                    await self._look(loop, executor)
                except (DatabaseError, InterfaceError, OSError) as error:
                    log.warning(
                        "desk_watcher_away", why=str(error), next="streams stay open; it is tried again"
                    )
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            # At once: who joins from here on begins a watch of its own. Should this have failed, its streams end.
            self._task = None
            for listener in self._listeners:
                listener.is_over = True
                listener.news.set()
            self._listeners.clear()
            executor.submit(_close)
            executor.shutdown(wait=False)

    async def _look(self, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor) -> None:
        queues = sorted(frozenset().union(*(one.view.queues for one in self._listeners)))
        tickets = sorted(frozenset().union(*(one.view.tickets for one in self._listeners)))
        news, looks = await loop.run_in_executor(executor, _read, self._moment, queues, tickets)
        told = _find_changed(self._looks, looks)
        await self._ask_rights(loop, executor, {*(one.id for one in news.changes), *(one.id for one in told)})
        self._moment, self._looks = news.snapshot, looks
        for listener in self._listeners:
            listener.tell(news.changes, told, is_whole=news.is_whole)

    async def _ask_rights(
        self, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor, told: set[int]
    ) -> None:
        """Ask what each may hear of: before anything is told, and else every few seconds.

        After what is told was read: who lost a right before that happened does not hear of it.
        """
        bound = time.monotonic() - RIGHTS_SECONDS
        asked = [one for one in self._listeners if told or one.asked_at < bound]
        if not asked:
            return
        entries = {one.entry for one in asked}
        views = await loop.run_in_executor(executor, _read_rights, entries, told)
        for listener in asked:
            listener.allow(views[listener.entry])


def _find_changed(before: dict[int, Look], now: dict[int, Look]) -> list[Look]:
    """Return who looks now, of the tickets where that is news; nobody, where the last one has gone."""
    gone = [Look(one.id, one.queue, ()) for number, one in before.items() if number not in now]
    return [*(one for number, one in now.items() if before.get(number) != one), *gone]


_watchers: "WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher]" = WeakKeyDictionary()


def get_watcher() -> Watcher:
    """Return the watcher of the running event loop."""
    return _watchers.setdefault(asyncio.get_running_loop(), Watcher())


def _read(moment: str, queues: Sequence[int], tickets: Sequence[int]) -> tuple[News, dict[int, Look]]:
    return _safely(
        lambda: (read_changes(moment or read_moment(), queues, tickets), read_looks(queues, tickets))
    )


def _read_rights(entries: Collection[Entry], told: Collection[int]) -> dict[Entry, View]:
    """Return what each may hear of now; nothing who would not be let in any more."""
    return _safely(lambda: _find_views(entries, told))


def _find_views(entries: Collection[Entry], told: Collection[int]) -> dict[Entry, View]:
    callers = find_callers(entries)
    views = find_views(set(callers.values()), told)
    return {entry: views[callers[entry]] if entry in callers else View() for entry in entries}


def _safely(read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except BaseException:
        # Whatever state it is in: the next look takes another connection.
        with suppress(DatabaseError, InterfaceError):
            connection.close()
        raise


def _close() -> None:
    """Give back the connection of this thread: `connection.close` by itself would be that of who names it."""
    connection.close()
