"""One ear per web process: it hears what models say in the runs that somebody follows, and hands it to them.

It works only while somebody listens, with one connection to `STREAM_URL` and, while something is said, one to the
database. Whoever reaches that server may write there: what comes is told only of a try that the rows know as being
made, in that run, by the attempt that has the claim. Nothing that is lost is missed: the row has the whole answer.
"""

import asyncio
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from django.db import DatabaseError, InterfaceError

from agents.conf import get_conf
from agents.deltas import ChannelAway, listen, name_channel
from agents.domain.deltas import Delta, read_deltas
from orchestration.api.following import Listener, close, safely
from orchestration.selectors.live_calls import LiveTry, TryPlace, find_live_tries

FRESH_SECONDS: Final = 1.0
AWAY_SECONDS: Final = 2.0
LEAST_PAUSE: Final = 0.1

log = structlog.get_logger(__name__)


class Ear:
    """Hears for all listeners of one event loop."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._known: dict[TryPlace, LiveTry | None] = {}
        self._known_at = self._asked_at = 0.0
        self._is_away = False

    def join(self, listener: Listener) -> None:
        """Begin to let a listener hear what is said; without `STREAM_URL` there is nothing to hear."""
        url = get_conf().STREAM_URL
        if not url:
            return
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._hear(url))

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    def _find_channels(self) -> dict[str, UUID]:
        return {name_channel(one.run_id): one.run_id for one in self._listeners}

    async def _hear(self, url: str) -> None:
        executor = ThreadPoolExecutor(1, thread_name_prefix="ear")
        try:
            while self._listeners:
                try:
                    await self._hear_on(url, executor)
                except ChannelAway as away:
                    self._tell_away(str(away))
                    await asyncio.sleep(AWAY_SECONDS)
        finally:
            # At once: who joins from here on lets it hear anew.
            self._task = None
            executor.submit(close)
            executor.shutdown(wait=False)

    async def _hear_on(self, url: str, executor: ThreadPoolExecutor) -> None:
        async with aclosing(listen(url, self._find_channels)) as told:
            async for channel, message in told:
                if self._is_away:
                    log.info("ear_back")
                self._is_away = False
                run_id = self._find_channels().get(channel)
                if run_id is not None:
                    await self._hand_on(run_id, read_deltas(message), executor)

    def _tell_away(self, why: str) -> None:
        if not self._is_away:
            log.warning("ear_away", why=why, next="streams stay open without live answers; it is tried again")
        self._is_away = True

    async def _hand_on(self, run_id: UUID, deltas: list[Delta], executor: ThreadPoolExecutor) -> None:
        await self._look(executor, {TryPlace(run_id, delta.call, delta.attempt) for delta in deltas})
        for delta in deltas:
            known = self._known.get(TryPlace(run_id, delta.call, delta.attempt))
            allowed = None if known is None else allow(known, delta)
            if known is None or allowed is None:
                continue
            for listener in self._find_listeners(run_id):
                listener.hear(known.step, allowed)

    def _find_listeners(self, run_id: UUID) -> Iterable[Listener]:
        return [one for one in self._listeners if one.run_id == run_id]

    async def _look(self, executor: ThreadPoolExecutor, places: Collection[TryPlace]) -> None:
        """Ask what rows say of these tries, unless that was asked a moment ago; not too often, whoever writes."""
        now = time.monotonic()
        if now > self._known_at + FRESH_SECONDS:
            self._known, self._known_at = {}, now
        new = [place for place in places if place not in self._known]
        if not new:
            return
        await asyncio.sleep(self._asked_at + LEAST_PAUSE - now)
        self._asked_at = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(executor, _find, new)
        except (DatabaseError, InterfaceError, OSError) as error:
            log.warning("ear_away", why=str(error), next="streams stay open without live answers")
            return
        self._known |= {place: found.get(place) for place in new}


def allow(known: LiveTry, delta: Delta) -> Delta | None:
    """Return what may be told of a delta; None: nothing.

    Of a try that is not being made any more, that it is over; and its end, if it was answered.
    """
    if known.is_hidden:
        return None
    if known.is_under_way:
        return delta
    if not delta.is_over:
        return None
    return delta if known.is_answered else replace(delta, text="")


_ears: "WeakKeyDictionary[asyncio.AbstractEventLoop, Ear]" = WeakKeyDictionary()


def get_ear() -> Ear:
    """Return the ear of the running event loop."""
    return _ears.setdefault(asyncio.get_running_loop(), Ear())


def _find(places: Collection[TryPlace]) -> dict[TryPlace, LiveTry]:
    return safely(lambda: find_live_tries(places))
