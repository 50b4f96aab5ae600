"""One follower per web process: it asks the database once for all listeners, and hands each what is new to it.

It works only while somebody listens, on a thread and a connection of its own. A listener's place moves when its
news are put on its queue, so who joins late, comes back or is slow needs no way of its own: listeners at the same
place are read for together, whatever brought them there. All but the reading happens on the event loop.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from django.db import DatabaseError, InterfaceError, connection

from agents.domain.deltas import Delta
from orchestration.api.heard import Heard
from orchestration.selectors.entries import Entry, find_callers
from orchestration.selectors.follow import Cursor, Line, News, Place, read_news
from orchestration.selectors.scope import Caller, scope_runs

POLL_SECONDS = 0.25
RIGHTS_SECONDS = 5.0
AWAY_SECONDS = 1.0
STALLED_SECONDS = 30.0
MOST_LINES = 200
MOST_WAITING = 8

_Found = TypeVar("_Found")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a listener as it stands. `is_last`: nothing can follow it."""

    text: bytes
    is_last: bool = False


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream: how far its client was sent a run's history, and what it has not taken yet.

    Attributes:
        entry: the way its client came in; None: nobody asks whether it is still theirs.
        said: what models say meanwhile, as far as it was not taken.
    """

    run_id: UUID
    cursor: Cursor
    entry: Entry | None = None
    task: "asyncio.Task[Any] | None" = None
    messages: "asyncio.Queue[Message]" = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    took_at: float = field(default_factory=time.monotonic)
    said: Heard = field(default_factory=Heard)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def place(self) -> Place:
        """Return what it has been given."""
        return self.run_id, self.cursor

    async def take(self, seconds: float) -> Message | None:
        """Return the next message; None when there is none for so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.has_news.wait(), seconds)
        self.took_at = time.monotonic()
        text = self.said.take()
        message = Message(text) if text else None if self.messages.empty() else self.messages.get_nowait()
        if self.messages.empty():
            self.has_news.clear()
        return message

    def give(self, news: News, message: Message) -> None:
        """Put news on the queue, which has room, and move on."""
        self.messages.put_nowait(message)
        self.has_news.set()
        if news.lines:
            self.cursor = news.lines[-1].cursor

    def hear(self, step: str, delta: Delta) -> None:
        """Put a piece of an answer beside the queue, if it is new: however many come, they take no place of news."""
        if self.said.add(step, delta):
            self.has_news.set()

    def cut_off(self) -> None:
        """End a stream; its client may come back and go on from where it was, if it is let in."""
        if self.task is not None:
            self.task.cancel()


class Follower:
    """Reads on for all listeners of one event loop."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._asked_at = time.monotonic()

    def join(self, listener: Listener) -> None:
        """Begin to give a listener what is new behind its place."""
        listener.task = asyncio.current_task()
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._follow())

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(1, thread_name_prefix="follower")
        try:
            while self._listeners:
                pause = await self._read_on(loop, executor)
                self._cut_off_stalled()
                await self._cut_off_strangers(loop, executor)
                await asyncio.sleep(pause)
        finally:
            # At once: who joins from here on begins to follow anew. Should this have failed, its listeners do.
            self._task = None
            for listener in self._listeners:
                listener.cut_off()
            self._listeners.clear()
            executor.submit(close)
            executor.shutdown(wait=False)

    async def _read_on(self, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor) -> float:
        """Give everybody with room what is new; return how long to pause."""
        places = sorted({one.place for one in self._listeners if not one.messages.full()}, key=repr)
        if not places:
            return POLL_SECONDS
        try:
            news = await loop.run_in_executor(executor, _read, places)
        except (DatabaseError, InterfaceError, OSError) as error:
            log.warning("follower_away", why=str(error), next="streams stay open; it is tried again")
            return AWAY_SECONDS
        self._hand_out(news)
        return 0 if any(len(found.lines) == MOST_LINES for found in news.values()) else POLL_SECONDS

    def _hand_out(self, news: dict[Place, News]) -> None:
        messages = {place: write_news(found) for place, found in news.items()}
        for listener in self._listeners:
            place = listener.place
            if place in news and not listener.messages.full():
                listener.give(news[place], messages[place])

    def _cut_off_stalled(self) -> None:
        bound = time.monotonic() - STALLED_SECONDS
        for listener in [one for one in self._listeners if one.messages.full() and one.took_at < bound]:
            log.info(
                "listener_cut_off", run=str(listener.run_id), why=f"took nothing for {STALLED_SECONDS:g} s"
            )
            listener.cut_off()
            self.leave(listener)

    async def _cut_off_strangers(self, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor) -> None:
        """End the streams of those who signed out, were switched off, or may not look at the run any more."""
        asked = {(one.entry, one.run_id) for one in self._listeners if one.entry is not None}
        if not asked or time.monotonic() < self._asked_at + RIGHTS_SECONDS:
            return
        try:
            allowed = await loop.run_in_executor(executor, _find_allowed, asked)
        except (DatabaseError, InterfaceError, OSError) as error:
            log.warning("follower_away", why=str(error), next="streams stay open; it is tried again")
            return
        self._asked_at = time.monotonic()
        for listener in [one for one in self._listeners if (one.entry, one.run_id) in asked - allowed]:
            listener.cut_off()
            self.leave(listener)


_followers: "WeakKeyDictionary[asyncio.AbstractEventLoop, Follower]" = WeakKeyDictionary()


def get_follower() -> Follower:
    """Return the follower of the running event loop."""
    return _followers.setdefault(asyncio.get_running_loop(), Follower())


def write_news(news: News) -> Message:
    """Return news as the text of server-sent events."""
    text = b"".join(_write_events(news))
    return Message(text, is_last=bool(news.ended))


def _write_events(news: News) -> Iterable[bytes]:
    for line in news.lines:
        yield f"id: {line.cursor}\ndata: {json.dumps(show_line(line))}\n\n".encode()
    if news.ended:
        yield f"event: end\ndata: {json.dumps({'status': news.ended})}\n\n".encode()


def show_line(line: Line) -> dict[str, Any]:
    """Return a line as clients see it."""
    return {
        "id": str(line.cursor),
        "kind": line.kind,
        "at": line.at.isoformat(),
        "step": line.step or None,
        "attempt": line.attempt,
        "data": line.data,
    }


def close() -> None:
    """Give back the connection of this thread: `connection.close` by itself would be that of who names it."""
    connection.close()


def _read(places: list[Place]) -> dict[Place, News]:
    return safely(lambda: read_news(places, MOST_LINES))


def _find_allowed(asked: set[tuple[Entry, UUID]]) -> set[tuple[Entry, UUID]]:
    return safely(lambda: _ask_each(asked))


def _ask_each(asked: set[tuple[Entry, UUID]]) -> set[tuple[Entry, UUID]]:
    callers = find_callers({entry for entry, _ in asked})
    wanted: dict[Caller, set[UUID]] = defaultdict(set)
    for entry, run_id in asked:
        if entry in callers:
            wanted[callers[entry]].add(run_id)
    seen = {
        caller: set(scope_runs(caller).filter(pk__in=run_ids).order_by().values_list("pk", flat=True))
        for caller, run_ids in wanted.items()
    }
    return {(entry, run) for entry, run in asked if entry in callers and run in seen[callers[entry]]}


def safely(read: Callable[[], _Found]) -> _Found:
    """Read from the database; whatever goes wrong, the next look takes another connection."""
    try:
        return read()
    except BaseException:
        with suppress(DatabaseError, InterfaceError):
            connection.close()
        raise
