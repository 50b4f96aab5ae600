"""Percentiles that are told from histograms are within 5 % of the true ones, however hours are added up."""

from collections import Counter
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.histogram import (
    LAST_BUCKET,
    SHORTEST,
    find_bucket,
    tell_quantile,
    tell_seconds,
)

_LENGTHS = st.floats(SHORTEST, 30_000_000.0)
_SHARES = st.sampled_from([0.01, 0.5, 0.75, 0.9, 0.99, 1.0])


def _count(lengths: list[float]) -> Counter[int]:
    return Counter(map(find_bucket, lengths))


@given(st.lists(_LENGTHS, min_size=1, max_size=60), _SHARES)
def test_a_percentile_is_told_within_five_percent(lengths: list[float], share: float) -> None:
    true = sorted(lengths)[ceil(share * len(lengths)) - 1]
    told = tell_quantile(_count(lengths), share)
    assert told is not None
    assert abs(told - true) <= 0.05 * true


@given(st.lists(st.lists(_LENGTHS, max_size=10), max_size=10), _SHARES)
def test_hours_added_up_tell_what_all_of_them_together_tell(hours: list[list[float]], share: float) -> None:
    together = [length for hour in hours for length in hour]
    assert tell_quantile(sum(map(_count, hours), Counter()), share) == tell_quantile(_count(together), share)


@given(_LENGTHS, _LENGTHS)
def test_a_longer_time_is_never_in_an_earlier_bucket(one: float, other: float) -> None:
    assert (find_bucket(one) <= find_bucket(other)) or one > other


def test_what_lies_outside_is_counted_at_the_ends() -> None:
    assert [find_bucket(seconds) for seconds in (-5.0, 0.0, SHORTEST, 1e12, float("inf"))] == [
        0,
        0,
        0,
        LAST_BUCKET,
        LAST_BUCKET,
    ]
    assert tell_seconds(0) == SHORTEST
    assert tell_seconds(LAST_BUCKET) > 365 * 86_400 * 0.95


def test_nothing_counted_tells_nothing() -> None:
    assert tell_quantile({}, 0.5) is None
    assert tell_quantile({3: 0}, 0.5) is None
