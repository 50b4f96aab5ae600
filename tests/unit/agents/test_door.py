from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from agents.admission import Door

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)


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


def fail(door: Door, token: UUID = ONE, agent: str = "a") -> None:
    door.let_in(agent, token)
    door.note_end(agent, token, failed=True)


def test_a_healthy_agent_is_called_as_often_as_one_likes(door: Door) -> None:
    assert all(door.let_in("a", UUID(int=n)) for n in range(1000))
    assert door.count_uncounted("a") == 1000


def test_one_that_failed_is_suspect_until_it_answers(door: Door) -> None:
    fail(door)
    assert not door.let_in("a", TWO)
    assert door.let_in("b", TWO)
    door.note_end("a", THREE, failed=False)
    assert door.let_in("a", TWO)


def test_an_end_that_says_nothing_changes_nothing(door: Door) -> None:
    door.let_in("a", ONE)
    door.note_end("a", ONE, failed=None)
    assert door.count_uncounted("a") == 0
    fail(door, TWO)
    door.note_end("a", THREE, failed=None)
    assert not door.let_in("a", ONE)


def test_a_failure_is_forgiven_in_time(door: Door, clock: Clock) -> None:
    fail(door)
    clock.seconds = 60.0
    assert not door.let_in("a", TWO)
    clock.seconds = 60.1
    assert door.let_in("a", TWO)


def test_an_agent_s_own_window_holds(door: Door, clock: Clock, settings: Settings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKERS": {"a": {"window_seconds": 5}}}
    fail(door, agent="a")
    fail(door, agent="b")
    clock.seconds = 6
    assert (door.let_in("a", TWO), door.let_in("b", TWO)) == (True, False)


def test_calls_under_way_and_failures_that_are_not_written_are_known_here_alone(door: Door) -> None:
    for token in (ONE, TWO, THREE):
        door.let_in("a", token)
    door.note_end("a", ONE, failed=True)
    assert door.count_uncounted("a") == 3
    door.note_written("a", ONE)
    door.note_end("a", TWO, failed=False)
    assert door.count_uncounted("a") == 1
    door.note_end("a", THREE, failed=True)
    door.note_written("a", THREE)
    assert door.count_uncounted("a") == 0
