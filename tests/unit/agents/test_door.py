from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from agents.admission import Door, Standing

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
GOOD, NEW, SUSPECT = Standing.GOOD, Standing.NEW, Standing.SUSPECT


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


def answer(door: Door, agent: str = "a") -> None:
    door.note_end(agent, THREE, failed=False)


def test_a_healthy_agent_is_called_as_often_as_one_likes(door: Door) -> None:
    answer(door)
    assert {door.let_in("a", UUID(int=n)) for n in range(1000)} == {GOOD}
    assert door.count_uncounted("a") == 1000


def test_as_many_first_calls_as_open_a_breaker_are_counted(door: Door, settings: Settings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKERS": {"b": {"failures": 1}}}
    assert [door.let_in("a", UUID(int=n)) for n in range(8)] == [NEW] * 6 + [GOOD] * 2
    assert [door.let_in("b", UUID(int=n)) for n in range(3)] == [NEW] * 2 + [GOOD]
    assert (door.count_uncounted("a"), door.count_uncounted("b")) == (2, 1)


def test_an_answer_ends_an_agent_s_being_new_and_an_end_that_says_nothing_does_not(door: Door) -> None:
    assert door.let_in("a", ONE) is NEW
    door.note_end("a", ONE, failed=None)
    assert door.let_in("a", TWO) is NEW
    answer(door)
    assert door.let_in("a", ONE) is GOOD


def test_one_that_failed_is_suspect_until_it_answers(door: Door) -> None:
    fail(door)
    assert door.let_in("a", TWO) is SUSPECT
    assert door.let_in("b", TWO) is NEW
    answer(door)
    assert door.let_in("a", TWO) is GOOD


def test_an_end_that_says_nothing_changes_nothing(door: Door) -> None:
    answer(door)
    door.let_in("a", ONE)
    door.note_end("a", ONE, failed=None)
    assert door.count_uncounted("a") == 0
    fail(door, TWO)
    door.note_end("a", THREE, failed=None)
    assert door.let_in("a", ONE) is SUSPECT


def test_a_failure_is_forgiven_in_time(door: Door, clock: Clock) -> None:
    fail(door)
    clock.seconds = 60.0
    assert door.let_in("a", TWO) is SUSPECT
    clock.seconds = 60.1
    assert door.let_in("a", TWO) is GOOD


def test_an_agent_s_own_window_holds(door: Door, clock: Clock, settings: Settings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKERS": {"a": {"window_seconds": 5}}}
    fail(door, agent="a")
    fail(door, agent="b")
    clock.seconds = 6
    assert (door.let_in("a", TWO), door.let_in("b", TWO)) == (GOOD, SUSPECT)


def test_calls_under_way_and_failures_that_are_not_written_are_known_here_alone(door: Door) -> None:
    answer(door)
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


def test_failures_in_a_row_end_with_an_answer(door: Door) -> None:
    for token in (ONE, TWO):
        fail(door, token)
    door.note_end("a", THREE, failed=None)
    assert (door.count_in_a_row("a"), door.count_in_a_row("b")) == (2, 0)
    answer(door)
    assert door.count_in_a_row("a") == 0
