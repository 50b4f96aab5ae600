"""The follower of a web process: one look for everybody, bounded queues, and what happens when the database is away."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from orchestration.api import following
from orchestration.api.following import Follower, Listener
from orchestration.selectors.follow import BEGINNING, Cursor, Line, News, Place

RUN = UUID(int=1)
AT = datetime(2026, 5, 4, tzinfo=UTC)
History = dict[UUID, list[int]]


class Database:
    """A true reader of histories that are lists of event ids; it counts the looks."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.looks: list[list[Place]] = []
        self.faults: Iterator[Exception] = iter(())
        self.ended = ""

    def read(self, places: list[Place]) -> dict[Place, News]:
        self.looks.append(places)
        for fault in self.faults:
            raise fault
        return {place: news for place in places if (news := self._news(*place)).lines or news.ended}

    def _news(self, run_id: UUID, cursor: Cursor) -> News:
        ahead = [n for n in self.history[run_id] if n > cursor.event_id]
        lines = tuple(
            Line(Cursor(1, n), "step_claimed", AT, "a", 1, {}) for n in ahead[: following.MOST_LINES]
        )
        return News(lines, "" if ahead else self.ended)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database({RUN: [1, 2]})
    monkeypatch.setattr(following, "_read", database.read)
    monkeypatch.setattr(following, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(following, "AWAY_SECONDS", 0.001)
    return database


def play(scene: Callable[[Follower], Coroutine[Any, Any, None]]) -> None:
    """Run a scene on an event loop of its own, and see the follower end with its last listener."""

    async def run() -> None:
        follower = Follower()
        await asyncio.wait_for(scene(follower), 10)
        for listener in list(follower._listeners):
            follower.leave(listener)
        if follower._task is not None:
            await asyncio.wait([follower._task], timeout=10)
        assert follower._task is None

    asyncio.run(run())


async def take_ids(listener: Listener) -> list[int]:
    message = await listener.take(5)
    assert message is not None
    lines = message.text.decode().splitlines()
    return [int(line.partition(".")[2]) for line in lines if line.startswith("id: ")]


def test_listeners_at_one_place_are_read_for_once(database: Database) -> None:
    async def scene(follower: Follower) -> None:
        listeners = [Listener(RUN, BEGINNING) for _ in range(20)]
        for listener in listeners:
            follower.join(listener)
        assert [await take_ids(listener) for listener in listeners] == [[1, 2]] * 20
        database.history[RUN] = [1, 2, 3]
        assert [await take_ids(listener) for listener in listeners] == [[3]] * 20

    play(scene)
    assert {len(look) for look in database.looks} == {1}


def test_who_joins_late_gets_all_and_who_comes_back_gets_the_rest(database: Database) -> None:
    async def scene(follower: Follower) -> None:
        first, back = Listener(RUN, BEGINNING), Listener(RUN, Cursor(1, 1))
        follower.join(first)
        assert await take_ids(first) == [1, 2]
        late = Listener(RUN, BEGINNING)
        follower.join(late)
        follower.join(back)
        assert await take_ids(late) == [1, 2]
        assert await take_ids(back) == [2]

    play(scene)


def test_a_slow_listener_loses_nothing_and_holds_up_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_LINES", 2)
    count = 2 * following.MOST_WAITING + 7
    database.history[RUN] = list(range(1, count + 1))

    async def take_all(listener: Listener) -> list[int]:
        got: list[int] = []
        while len(got) < count:
            got += await take_ids(listener)
        return got

    async def scene(follower: Follower) -> None:
        slow, quick = Listener(RUN, BEGINNING), Listener(RUN, BEGINNING)
        follower.join(slow)
        follower.join(quick)
        assert await take_all(quick) == database.history[RUN]
        assert slow.messages.full()
        assert await take_all(slow) == database.history[RUN]

    play(scene)


def test_who_takes_nothing_for_long_is_cut_off(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_LINES", 1)
    monkeypatch.setattr(following, "STALLED_SECONDS", 0.01)
    database.history[RUN] = list(range(1, 100))

    async def sleep_on(follower: Follower) -> None:
        follower.join(Listener(RUN, BEGINNING))
        await asyncio.sleep(60)

    async def scene(follower: Follower) -> None:
        client = asyncio.create_task(sleep_on(follower))
        with pytest.raises(asyncio.CancelledError):
            await client
        assert follower._listeners == set()

    play(scene)


def test_an_outage_of_the_database_is_waited_out(database: Database) -> None:
    database.faults = iter([OperationalError("away"), OperationalError("still away")])

    async def scene(follower: Follower) -> None:
        listener = Listener(RUN, BEGINNING)
        follower.join(listener)
        assert await take_ids(listener) == [1, 2]

    play(scene)
    assert len(database.looks) >= 3


def test_a_fault_of_the_follower_ends_its_streams_which_come_back(database: Database) -> None:
    database.faults = iter([RuntimeError("a fault nobody foresaw")])

    async def client(follower: Follower) -> list[int]:
        listener = Listener(RUN, BEGINNING)
        follower.join(listener)
        return await take_ids(listener)

    async def scene(follower: Follower) -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(client(follower))
        assert await asyncio.create_task(client(follower)) == [1, 2]

    play(scene)


def test_the_last_message_says_so(database: Database) -> None:
    database.ended = "succeeded"

    async def scene(follower: Follower) -> None:
        listener = Listener(RUN, BEGINNING)
        follower.join(listener)
        first, second = await listener.take(5), await listener.take(5)
        assert first is not None
        assert second is not None
        assert (first.is_last, second.is_last) == (False, True)

    play(scene)


def test_quiet_times_are_told_from_messages(database: Database) -> None:
    async def scene(follower: Follower) -> None:
        listener = Listener(RUN, Cursor(1, 2))
        follower.join(listener)
        assert await listener.take(0.01) is None

    play(scene)
