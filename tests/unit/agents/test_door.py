import threading

import pytest
from pytest_django.fixtures import Settings

from agents.admission import Door, Entry


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door(clock)


def fail(door: Door, times: int, agent: str = "a") -> None:
    for _ in range(times):
        assert door.try_enter(agent) is not Entry.REFUSED
        door.leave(agent, failed=True)


def test_a_healthy_agent_is_called_as_often_as_one_likes(door: Door) -> None:
    assert all(door.try_enter("a") is Entry.FREE for _ in range(1000))


def test_a_dead_agent_is_called_six_times(door: Door) -> None:
    fail(door, 6)
    assert door.try_enter("a") is Entry.REFUSED


def test_calls_under_way_count_as_failed_until_they_are_back(door: Door) -> None:
    fail(door, 1)
    assert [door.try_enter("a") for _ in range(7)] == [Entry.SUSPECT] * 5 + [Entry.REFUSED] * 2


def test_an_answer_opens_it_for_everyone(door: Door) -> None:
    fail(door, 5)
    assert door.try_enter("a") is Entry.SUSPECT
    door.leave("a", failed=False)
    assert all(door.try_enter("a") is Entry.FREE for _ in range(100))


def test_an_end_that_says_nothing_changes_nothing(door: Door) -> None:
    fail(door, 5)
    assert door.try_enter("a") is Entry.SUSPECT
    door.leave("a", failed=None)
    assert [door.try_enter("a"), door.try_enter("a")] == [Entry.SUSPECT, Entry.REFUSED]


def test_failures_are_forgiven_in_time(door: Door, clock: Clock) -> None:
    fail(door, 6)
    clock.seconds = 59.9
    assert door.try_enter("a") is Entry.REFUSED
    clock.seconds = 60.1
    assert all(door.try_enter("a") is Entry.FREE for _ in range(100))


def test_another_agent_does_not_suffer(door: Door) -> None:
    fail(door, 6)
    assert all(door.try_enter("b") is Entry.FREE for _ in range(100))


def test_an_agent_s_own_number_holds(door: Door, settings: Settings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKERS": {"a": {"failures": 1}}}
    fail(door, 2)
    assert door.try_enter("a") is Entry.REFUSED


def test_failures_are_unwritten_until_they_are_told(door: Door) -> None:
    fail(door, 2)
    assert door.count_unwritten("a") == 2
    door.note_written("a")
    door.note_written("a")
    door.note_written("a")
    assert door.count_unwritten("a") == 0


def test_forty_threads_reach_a_dead_agent_six_times(door: Door) -> None:
    fail(door, 1)
    barrier, entered = threading.Barrier(40), []

    def call() -> None:
        barrier.wait(10)
        if door.try_enter("a") is not Entry.REFUSED:
            entered.append(1)
            door.leave("a", failed=True)

    threads = [threading.Thread(target=call) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(entered) == 5
