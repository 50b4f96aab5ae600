"""Histograms of lengths of time with fixed buckets, so that hours can be added up and a percentile still be told.

A bucket is a tenth longer than the one before it, and a length is told as the geometric middle of its bucket: off by
less than 5 %, however many lengths were counted. The statement that folds an hour (`figures/measuring.py`) counts by
`RATIO`, `SHORTEST` and `LAST_BUCKET` too.
"""

from collections.abc import Iterable, Mapping
from math import ceil, isfinite, log, sqrt
from typing import Final

RATIO: Final = 1.1
SHORTEST: Final = 0.01
"""Seconds. Nothing that people do is shorter; what is, counts as this long."""
LAST_BUCKET: Final = 230
"""Longer than a year."""

CONFIDENCE_BUCKETS: Final = 20
UNSTATED: Final = -1
"""The bucket of what was proposed without a confidence."""


def find_bucket(seconds: float) -> int:
    """Return the bucket of a length of time."""
    if not isfinite(seconds) or seconds <= SHORTEST:
        return LAST_BUCKET if seconds > SHORTEST else 0
    return min(LAST_BUCKET, max(0, ceil(log(seconds / SHORTEST) / log(RATIO))))


def tell_seconds(bucket: int) -> float:
    """Return the length of time that a bucket is told as."""
    upper = SHORTEST * float(RATIO**bucket)
    return upper if bucket == 0 else upper / sqrt(RATIO)


def tell_quantile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the length that this share of all lengths does not pass, in seconds; None when none was counted.

    Args: counts: how many by bucket.  share: above 0, at most 1; 0.5 is the median.
    """
    rank = ceil(share * sum(counts.values()))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0 and counts[bucket]:
            return tell_seconds(bucket)
    return None


def add_up(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Return one histogram of several."""
    total: dict[int, int] = {}
    for counts in histograms:
        for bucket, count in counts.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


def find_confidence_bucket(confidence: float | None) -> int:
    """Return the bucket of a stated confidence: a twentieth each, its lower end belongs to it."""
    if confidence is None:
        return UNSTATED
    # Binary fractions: 0.15 * 20 is a little more or less than 3, and must not be told apart from it.
    return min(CONFIDENCE_BUCKETS - 1, int(confidence * CONFIDENCE_BUCKETS + 1e-9))


def tell_confidence(bucket: int) -> tuple[float, float] | None:
    """Return between which confidences a bucket lies; None for what was proposed without one."""
    if bucket == UNSTATED:
        return None
    return bucket / CONFIDENCE_BUCKETS, (bucket + 1) / CONFIDENCE_BUCKETS
