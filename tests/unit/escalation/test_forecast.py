"""What is foretold of a queue: more work never means a shorter wait, more pace never a longer one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.forecast import WINDOW_SECONDS, estimate_pace, predict_overrun, predict_wait

_COUNTS = st.integers(0, 100_000)
_PACES = st.floats(1e-6, 1e3)


@given(_COUNTS, _COUNTS, _PACES)
def test_a_wait_grows_with_what_is_ahead(one: int, other: int, pace: float) -> None:
    fewer, more = sorted((one, other))
    shorter, longer = predict_wait(fewer, pace, None), predict_wait(more, pace, None)
    assert shorter is not None
    assert longer is not None
    assert shorter <= longer
    assert (shorter < longer) == (fewer < more)


@given(_COUNTS, _PACES, _PACES, st.none() | st.floats(0, 1e5))
def test_a_wait_shrinks_with_the_pace(ahead: int, one: float, other: float, work: float | None) -> None:
    slow, fast = sorted((one, other))
    long, short = predict_wait(ahead, slow, work), predict_wait(ahead, fast, work)
    assert long is not None
    assert short is not None
    assert short <= long


@given(_COUNTS, _COUNTS, st.floats(0, 10), _PACES, st.floats(1, 1e5))
def test_a_longer_backlog_falls_behind_no_later(
    one: int, other: int, arrivals: float, pace: float, target: float
) -> None:
    fewer, more = sorted((one, other))
    later, sooner = (predict_overrun(backlog, arrivals, pace, target) for backlog in (fewer, more))
    assert later is None or sooner is not None
    if later is not None and sooner is not None:
        assert 0 <= sooner <= later


@given(st.floats(0.01, 10), _PACES, st.floats(1, 1e4))
def test_at_the_moment_of_falling_behind_the_wait_is_the_target(
    arrivals: float, pace: float, target: float
) -> None:
    seconds = predict_overrun(0, arrivals, pace, target)
    if seconds:
        backlog = (arrivals - pace) * seconds
        assert (backlog + 1) / pace == pytest.approx(target, rel=1e-6)


def test_a_queue_is_good_for_the_larger_of_what_was_and_what_can_be() -> None:
    assert estimate_pace(3600, 1, 60.0) == 3600 / WINDOW_SECONDS
    assert estimate_pace(1, 3, 60.0) == 3 / 60
    assert estimate_pace(2, 1, None) == 2 / WINDOW_SECONDS


def test_a_ticket_waits_as_long_as_a_decision_takes_however_many_are_free() -> None:
    assert predict_wait(0, 6 / 60, 60.0) == 60.0
    assert predict_wait(5, 6 / 60, 60.0) == 60.0
    assert predict_wait(6, 6 / 60, 60.0) == 70.0


def test_where_nobody_is_there_nothing_is_foretold() -> None:
    assert estimate_pace(0, 0, None) is None
    assert estimate_pace(0, 2, None) is None
    assert predict_wait(5, None, 60.0) is None
    assert predict_overrun(5, 1.0, None, 60.0) is None


def test_a_queue_is_behind_from_the_first_ticket_that_waits_too_long() -> None:
    assert predict_overrun(59, 0.0, 1.0, 60.0) is None
    assert predict_overrun(60, 0.0, 1.0, 60.0) == 0.0
