"""Who gets free slots: in order, all or nothing, nobody starved, never more than there are."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.pools import Request, Room, find_short, find_too_small, grant

START = datetime(2031, 5, 6, tzinfo=UTC)


def ask(step_id: int, age: float = 0, priority: int = 0, **pools: int) -> Request:
    return Request(step_id, pools, START - timedelta(seconds=age), priority)


def granted(rooms: dict[str, Room], *waiting: Request) -> list[int]:
    return [request.step_id for request in grant(rooms, waiting)]


def test_the_oldest_goes_first() -> None:
    assert granted({"gpu": Room(1)}, ask(1, age=5, gpu=1), ask(2, age=9, gpu=1)) == [2]


def test_a_higher_priority_goes_before_age() -> None:
    assert granted({"gpu": Room(1)}, ask(1, age=99, gpu=1), ask(2, priority=1, gpu=1)) == [2]


def test_of_the_same_age_the_earlier_step_goes_first() -> None:
    assert granted({"gpu": Room(1)}, ask(8, gpu=1), ask(7, gpu=1)) == [7]


def test_as_many_as_fit_go() -> None:
    assert granted({"gpu": Room(3, held=1)}, *(ask(n, age=-n, gpu=1) for n in range(4))) == [0, 1]


def test_a_big_request_is_not_overtaken_by_small_ones() -> None:
    waiting = [ask(1, age=9, gpu=2), ask(2, age=5, gpu=1), ask(3, age=4, gpu=1)]
    assert granted({"gpu": Room(2, held=1)}, *waiting) == []
    assert granted({"gpu": Room(2)}, *waiting) == [1]


def test_it_keeps_each_pool_it_asks_for() -> None:
    rooms = {"gpu": Room(1, held=1), "licence": Room(1), "seat": Room(1)}
    waiting = [ask(1, age=9, gpu=1, licence=1), ask(2, age=5, licence=1), ask(3, age=4, seat=1)]
    assert granted(rooms, *waiting) == [3]


def test_all_or_nothing() -> None:
    rooms = {"gpu": Room(2), "licence": Room(1)}
    assert granted(rooms, ask(1, age=2, gpu=1, licence=1), ask(2, age=1, gpu=1, licence=1)) == [1]


def test_one_that_can_never_be_served_closes_nothing() -> None:
    assert granted({"gpu": Room(1)}, ask(1, age=9, gpu=2), ask(2, age=5, gpu=1)) == [2]


def test_more_held_than_there_is_lets_nobody_in() -> None:
    assert Room(1, held=3).free == 0
    assert granted({"gpu": Room(1, held=3)}, ask(1, gpu=1)) == []


def test_a_closed_pool_serves_nobody() -> None:
    assert granted({"gpu": Room(0)}, ask(1, gpu=1)) == []


def test_what_is_short_is_named() -> None:
    rooms = {"gpu": Room(2, held=1), "licence": Room(1), "seat": Room(1, held=1)}
    assert find_short(rooms, {"seat": 1, "gpu": 2, "licence": 1}) == ["gpu", "seat"]
    assert find_too_small(rooms, {"gpu": 2, "licence": 2}) == ["licence"]


NAMES = ("gpu", "licence", "seat")
needs = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), min_size=1)
rooms = st.fixed_dictionaries({name: st.builds(Room, st.integers(0, 4), st.integers(0, 5)) for name in NAMES})
queues = st.lists(
    st.tuples(needs, st.integers(0, 3), st.integers(0, 2)).map(
        lambda made: (made[0], START - timedelta(seconds=made[1]), made[2])
    ),
    max_size=12,
).map(lambda made: [Request(n, pools, since, priority) for n, (pools, since, priority) in enumerate(made)])


@given(rooms, queues)
def test_never_more_than_is_free(rooms: dict[str, Room], waiting: list[Request]) -> None:
    served = grant(rooms, waiting)
    for name in NAMES:
        assert sum(request.pools.get(name, 0) for request in served) <= rooms[name].free


@given(rooms, queues)
def test_nobody_goes_who_takes_what_one_before_him_waits_for(
    rooms: dict[str, Room], waiting: list[Request]
) -> None:
    served = grant(rooms, waiting)
    for request in served:
        for other in waiting:
            waits = other not in served and not find_too_small(rooms, other.pools)
            if waits and other.turn < request.turn:
                assert not other.pools.keys() & request.pools.keys()


@given(rooms, queues)
def test_whoever_has_nobody_before_him_and_fits_goes(rooms: dict[str, Room], waiting: list[Request]) -> None:
    served = grant(rooms, waiting)
    for request in waiting:
        rivals = [
            other for other in waiting if other is not request and other.pools.keys() & request.pools.keys()
        ]
        if not rivals and not find_short(rooms, request.pools):
            assert request in served


@given(rooms, queues, st.randoms())
def test_the_order_in_which_they_are_listed_is_nothing(
    rooms: dict[str, Room], waiting: list[Request], chance: st.DataObject
) -> None:
    shuffled = list(waiting)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grant(rooms, shuffled) == grant(rooms, waiting)


def _serve(room: int, waiting: Iterable[Request]) -> list[int]:
    """Serve until nobody waits, one round after the other; each holds its slots for one round."""
    left, order = list(waiting), []
    while left:
        served = grant({"gpu": Room(room)}, left)
        assert served
        order += [request.step_id for request in served]
        left = [request for request in left if request not in served]
    return order


@pytest.mark.parametrize("room", [2, 3])
def test_all_are_served_in_the_end(room: int) -> None:
    waiting = [ask(n, age=-n, gpu=1 + n % 2) for n in range(9)]
    assert _serve(room, waiting) == list(range(9))
