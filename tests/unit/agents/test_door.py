import pytest
from pytest_django.fixtures import Settings

from agents.admission import Door


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


def test_nobody_is_suspect_at_first(door: Door) -> None:
    assert not door.is_suspect("a")
    assert door.count_unwritten("a") == 0


def test_one_that_failed_is_until_it_answers(door: Door) -> None:
    door.note_end("a", failed=True)
    assert door.is_suspect("a")
    assert not door.is_suspect("b")
    door.note_end("a", failed=False)
    assert not door.is_suspect("a")


def test_an_end_that_says_nothing_changes_nothing(door: Door) -> None:
    door.note_end("a", failed=None)
    assert not door.is_suspect("a")
    door.note_end("a", failed=True)
    door.note_end("a", failed=None)
    assert door.is_suspect("a")


def test_a_failure_is_forgiven_in_time(door: Door, clock: Clock) -> None:
    door.note_end("a", failed=True)
    clock.seconds = 60.0
    assert door.is_suspect("a")
    clock.seconds = 60.1
    assert not door.is_suspect("a")


def test_an_agent_s_own_window_holds(door: Door, clock: Clock, settings: Settings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKERS": {"a": {"window_seconds": 5}}}
    door.note_end("a", failed=True)
    door.note_end("b", failed=True)
    clock.seconds = 6
    assert (door.is_suspect("a"), door.is_suspect("b")) == (False, True)


def test_failures_are_unwritten_until_they_are_told(door: Door) -> None:
    door.note_end("a", failed=True)
    door.note_end("a", failed=True)
    door.note_end("a", failed=False)
    assert door.count_unwritten("a") == 2
    for _ in range(3):
        door.note_written("a")
    assert door.count_unwritten("a") == 0
