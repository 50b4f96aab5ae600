"""Histograms of lengths of time with fixed buckets, so that hours can be added up and a percentile still be told.

A bucket is a tenth longer than the one before it, and a length is told as the geometric middle of its bucket: off by
less than 5 %, however many lengths were counted. The statement that folds an hour (`figures/measuring.py`) counts by
`RATIO`, `SHORTEST` and `LAST_BUCKET` too.
"""

from collections.abc import Mapping
from math import ceil, isfinite, log, sqrt
from typing import Final

RATIO: Final = 1.1
SHORTEST: Final = 0.01
"""Seconds. Nothing that people do is shorter; what is, counts as this long."""
LAST_BUCKET: Final = 230
"""Longer than a year."""


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
