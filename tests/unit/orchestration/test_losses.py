"""Which threads of a worker count as lost, and what is done about them."""

import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from mmap import mmap
from typing import Any, cast

import pytest
from celery.worker import state

from orchestration.domain.work import Claim
from orchestration.worker.flights import Flights
from orchestration.worker.looking import PLACE
from orchestration.worker.losses import EXIT_CODE, replace_lost

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class _Claimed:
    """What is looked at of a claim."""

    step_id: int
    timeout_seconds: float
    agent: str = "a.b"
    task_id: str = "message"
    token: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def deadline_at(self) -> datetime:
        return NOON + timedelta(seconds=self.timeout_seconds)

    def now(self) -> datetime:
        return NOON


@dataclass
class Pool:
    """A pool with room for so many substitutes."""

    room: int = 1
    given_up: list[int] = field(default_factory=list)

    def give_up(self, ident: int) -> bool:
        self.given_up.append(ident)
        return len(self.given_up) <= self.room


@dataclass
class Request:
    acknowledged: bool = False

    def acknowledge(self) -> None:
        self.acknowledged = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flights(clock: Clock) -> Flights:
    return Flights(clock)


@pytest.fixture
def request_of_message() -> Iterator[Request]:
    request = Request()
    state.requests["message"] = request
    yield request
    state.requests.pop("message")
    state.should_stop = None


def claim(step_id: int = 7, timeout_seconds: float = 2.0, task_id: str = "message") -> Claim:
    return cast("Claim", _Claimed(step_id, timeout_seconds, task_id=task_id))


def test_a_thread_is_lost_once_its_step_is_long_past_its_deadline(clock: Clock, flights: Flights) -> None:
    flights.begin()
    flights.note(claim())
    clock.seconds += 12
    assert flights.lose_overdue(10) == []
    assert flights.count() == (1, 0)
    clock.seconds += 0.1
    [lost] = flights.lose_overdue(10)
    assert (lost.thread, lost.is_lost) == (threading.get_ident(), True)
    assert flights.lose_overdue(10) == []
    assert flights.count() == (0, 1)
    flights.end()
    assert flights.count() == (0, 0)


def _shown(file: int) -> list[tuple[int, float]]:
    with mmap(file, 0) as memory:
        os.close(file)
        return [(step, ends_at) for _, step, ends_at in PLACE.iter_unpack(memory[:]) if step]


def test_a_heart_that_came_in_place_of_another_sees_what_is_under_way(clock: Clock, flights: Flights) -> None:
    # given: a step under way, and another thread's
    os.close(flights.share(1))
    flights.begin()
    flights.note(claim())

    # when: the heart is replaced, and then another step begins and ends
    file = flights.share(1)

    def fly() -> None:
        flights.begin()
        flights.note(claim(8))
        flights.end()

    other = threading.Thread(target=fly)
    other.start()
    other.join()

    # then: it sees the first one
    assert _shown(os.dup(file)) == [(7, clock.seconds + 2.0)]
    flights.end()
    assert _shown(file) == []


def test_no_two_threads_share_a_place_after_it(flights: Flights) -> None:
    os.close(flights.share(1))
    flights.begin()
    flights.note(claim())
    file = flights.share(1)
    flights.end()
    gate = threading.Barrier(4, timeout=10)

    def fly(step: int) -> None:
        flights.begin()
        flights.note(claim(step))
        gate.wait()
        gate.wait()
        flights.end()

    threads = [threading.Thread(target=fly, args=(step,)) for step in (1, 2, 3)]
    for one in threads:
        one.start()
    gate.wait()
    shown = {step for step, _ in _shown(file)}
    gate.wait()
    for one in threads:
        one.join()
    assert shown == {1, 2, 3}


def test_what_is_run_on_has_its_own_deadline_and_the_first_one_s_message(
    clock: Clock, flights: Flights
) -> None:
    flights.begin()
    flights.note(claim())
    flights.note(claim(8, timeout_seconds=60, task_id="link"))
    clock.seconds += 30
    assert flights.lose_overdue(10) == []
    clock.seconds += 60
    [lost] = flights.lose_overdue(10)
    assert (lost.task_id, lost.claim and lost.claim.step_id) == ("message", 8)


def test_what_threads_perform_is_there_for_eyes_outside(clock: Clock, flights: Flights) -> None:
    flights.share(1)
    memory = flights._memory
    assert memory is not None
    flights.begin()
    flights.note(claim())
    places = [place for place in PLACE.iter_unpack(memory[:]) if place[1]]
    assert places == [(threading.get_native_id(), 7, clock.seconds + 2.0)]
    flights.end()
    assert memory[:] == bytes(len(memory))


def test_a_lost_thread_is_replaced_and_its_message_acknowledged(
    clock: Clock, flights: Flights, request_of_message: Request
) -> None:
    pool = Pool()
    flights.begin()
    flights.note(claim())
    replace_lost(flights, pool, 10)
    assert (pool.given_up, request_of_message.acknowledged) == ([], False)

    clock.seconds += 13
    replace_lost(flights, pool, 10)
    assert (pool.given_up, request_of_message.acknowledged) == ([threading.get_ident()], True)
    assert state.should_stop is None


def test_the_worker_leaves_when_one_more_is_lost_than_can_be_replaced(
    clock: Clock, flights: Flights, request_of_message: Request
) -> None:
    flights.begin()
    flights.note(claim())
    clock.seconds += 13
    replace_lost(flights, Pool(room=0), 10)
    assert cast("Any", state.should_stop) == EXIT_CODE
    assert not request_of_message.acknowledged


@pytest.mark.parametrize("order", [0, 1])
def test_an_order_to_end_that_was_there_before_stands(
    clock: Clock, flights: Flights, request_of_message: Request, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    """A worker that is told to end by its supervisor ends well, whatever hangs in it."""
    monkeypatch.setattr(state, "should_stop", order)
    flights.begin()
    flights.note(claim())
    clock.seconds += 13
    replace_lost(flights, Pool(room=0), 10)
    assert cast("Any", state.should_stop) == order
