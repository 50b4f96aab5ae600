"""What people decided tells what a stated confidence is worth."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.calibration import (
    Judged,
    assess_threshold,
    draw_reliability,
    estimate_share,
    propose_threshold,
)

CONFIDENCES = st.floats(0, 1)
JUDGED = st.builds(Judged, confidence=CONFIDENCES, is_right=st.booleans(), weight=st.floats(0.5, 100))


def _judged(*known: tuple[float, int, int]) -> list[Judged]:
    """Return outputs: (confidence, how many were right, how many wrong)."""
    right = [Judged(confidence, is_right=True) for confidence, count, _ in known for _ in range(count)]
    wrong = [Judged(confidence, is_right=False) for confidence, _, count in known for _ in range(count)]
    return right + wrong


# Golden values: E. B. Wilson's interval at 95 %, as statistics packages print it.
@pytest.mark.parametrize(
    ("part", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_an_interval_is_wilsons(part: int, total: int, low: float, high: float) -> None:
    found = estimate_share(part, total, total)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share_and_narrows_with_the_sample(total: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, total))
    once, more = estimate_share(part, total, total), estimate_share(part, total, 4 * total)
    assert 0 <= once.low <= part / total + 1e-12
    assert part / total - 1e-12 <= once.high <= 1
    assert more.high - more.low <= once.high - once.low + 1e-12


def test_each_tenth_of_confidence_tells_how_often_it_was_right() -> None:
    bins = draw_reliability(_judged((0.95, 9, 1), (1.0, 5, 0), (0.3, 1, 3)))
    assert [found.count for found in bins] == [0, 0, 0, 4, 0, 0, 0, 0, 0, 15]
    assert bins[3].right_share == 0.25
    assert bins[9].right_share == pytest.approx(14 / 15)
    assert bins[0].right_share is None
    assert bins[0].interval is None


@given(st.lists(JUDGED, max_size=60))
def test_every_output_stands_in_one_bin(judged: list[Judged]) -> None:
    bins = draw_reliability(judged)
    assert sum(found.count for found in bins) == len(judged)
    for found in bins:
        if found.interval and found.right_share is not None:
            assert found.interval.low - 1e-9 <= found.right_share <= found.interval.high + 1e-9


def test_the_lowest_threshold_that_is_surely_good_enough_is_proposed() -> None:
    judged = _judged((0.9, 200, 0), (0.8, 200, 2), (0.7, 100, 40))
    stated = [0.9] * 200 + [0.8] * 202 + [0.7] * 140 + [0.1] * 58

    found = propose_threshold(judged, stated, 0.02)

    assert found is not None
    assert found.confidence == 0.8
    assert found.judged == 402
    assert found.error_share == pytest.approx(2 / 402)
    assert found.error.high <= 0.02
    assert found.load_share == pytest.approx(198 / 600)


def test_a_few_lucky_outputs_propose_nothing() -> None:
    assert propose_threshold(_judged((0.99, 10, 0)), [0.99] * 10, 0.05) is None
    assert propose_threshold([], [], 0.05) is None


def test_one_of_a_sample_stands_for_those_it_was_drawn_from() -> None:
    below = [Judged(0.6, is_right=True)] * 50
    sampled = [Judged(0.9, is_right=True, weight=50)] * 8 + [Judged(0.9, is_right=False, weight=50)] * 2

    found = assess_threshold(below + sampled, [], 0.5)

    assert found is not None
    assert found.error_share == pytest.approx(100 / 550)  # not 2 of 60
    assert found.load_share is None
    # Ten outputs of a sample are no better known for standing for five hundred.
    assert found.error.high > assess_threshold(_judged((0.9, 450, 100)), [], 0.5).error.high  # type: ignore[union-attr]


@given(st.lists(JUDGED, max_size=80), st.floats(0.01, 0.99))
def test_what_is_proposed_meets_the_wish(judged: list[Judged], wished: float) -> None:
    found = propose_threshold(judged, [one.confidence for one in judged], wished)
    if found is None:
        return
    assert found.error.high <= wished
    same = assess_threshold(judged, [one.confidence for one in judged], found.confidence)
    assert same is not None
    assert (same.judged, same.load_share) == (found.judged, found.load_share)
    assert math.isclose(same.error.high, found.error.high, rel_tol=1e-6)


def test_the_bound_holds_about_as_often_as_it_says() -> None:
    """Of many true agents with an error of 10 %, the interval's upper end is above it nearly always."""
    random, missed = Random(7), 0
    for _ in range(400):
        judged = [Judged(0.9, is_right=random.random() > 0.1) for _ in range(200)]
        found = assess_threshold(judged, [], 0.5)
        assert found is not None
        missed += found.error.high < 0.1
    assert missed / 400 < 0.05
