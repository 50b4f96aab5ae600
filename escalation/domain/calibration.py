"""How often agents are right at a confidence, and from which confidence on nobody need look. Pure.

An agent's confidence is a number that it says of itself. What people decided tells what it is worth: of each judged
output we know the confidence and whether a person let it stand. Outputs below the threshold in force all came to a
person; of those above, only a random sample did, and each of these stands for many (`Judged.weight`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

BINS: Final = 10
NORMAL_95: Final = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One output that a person judged.

    Attributes: confidence: 0 to 1, as the agent stated it.  weight: so many outputs this one stands for, above 0: one
        of a random sample of 2 % stands for fifty.
    """

    confidence: float
    is_right: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a share lies, with 95 % certainty: 0 to 1 each."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """The outputs whose confidence lies from `low` on and below `high` (the last one: up to 1).

    Attributes: count: how many were judged.  right_share: None where none was.
    """

    low: float
    high: float
    count: int
    right_share: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a threshold means: at it and above, outputs are accepted unseen.

    Attributes: judged: how many judged outputs say so.  error_share: of what would be accepted, so much was wrong.
        load_share: this part of all outputs would come to people; None when no confidences are known.
    """

    confidence: float
    judged: int
    error_share: float
    error: Interval
    load_share: float | None


def estimate_share(part: float, total: float, size: float) -> Interval:
    """Return the interval of a share by E. B. Wilson's score method (1927).

    Args: part, total: weights, 0 <= part <= total and total above 0.  size: of the sample that the weights are worth.
    """
    share = part / total
    square = NORMAL_95 * NORMAL_95
    middle = share + square / (2 * size)
    reach = NORMAL_95 * math.sqrt(share * (1 - share) / size + square / (4 * size * size))
    scale = 1 + square / size
    return Interval(max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))


def draw_reliability(judged: Iterable[Judged]) -> list[Bin]:
    """Return for each tenth of confidence how often the agent was right in it."""
    sums = [_Sums() for _ in range(BINS)]
    for one in judged:
        sums[min(int(one.confidence * BINS), BINS - 1)].add(one)
    return [
        Bin(
            low=place / BINS,
            high=(place + 1) / BINS,
            count=found.count,
            right_share=found.right / found.weight if found.count else None,
            interval=estimate_share(found.right, found.weight, found.size) if found.count else None,
        )
        for place, found in enumerate(sums)
    ]


def assess_threshold(
    judged: Iterable[Judged], stated: Sequence[float], confidence: float
) -> Threshold | None:
    """Return what a threshold means; None when no output at or above it was judged.

    Args: stated: the confidences of all outputs of the time, judged or not.
    """
    above = _Sums()
    for one in judged:
        if one.confidence >= confidence:
            above.add(one)
    return _assess(above, stated, confidence) if above.count else None


def propose_threshold(
    judged: Iterable[Judged], stated: Sequence[float], wished_error: float
) -> Threshold | None:
    """Return the lowest threshold whose error is, with 97.5 % certainty, at most the wished one.

    The upper end of the interval decides: a few lucky outputs propose nothing. The lowest of many candidates is chosen,
    so the true error is a little more likely above the bound than the interval says.

    Args: wished_error: above 0 and below 1.
    Returns: None when no threshold among the judged confidences meets the wish.
    """
    found = None
    above = _Sums()
    ordered = sorted(judged, key=lambda one: -one.confidence)
    for confidence, ties in groupby(ordered, key=lambda one: one.confidence):
        for one in ties:
            above.add(one)
        if above.estimate_error().high <= wished_error:
            found = (confidence, above.copy())
    return _assess(found[1], stated, found[0]) if found else None


@dataclass(slots=True)
class _Sums:
    count: int = 0
    weight: float = 0.0
    squares: float = 0.0
    right: float = 0.0

    def add(self, one: Judged) -> None:
        self.count += 1
        self.weight += one.weight
        self.squares += one.weight * one.weight
        self.right += one.weight if one.is_right else 0.0

    def copy(self) -> "_Sums":
        return _Sums(self.count, self.weight, self.squares, self.right)

    @property
    def size(self) -> float:
        """Return how many equally weighted outputs these are worth (L. Kish's effective sample size)."""
        return self.weight * self.weight / self.squares

    @property
    def wrong(self) -> float:
        """Return the weight of what was wrong; sums of fractions may end a trace below 0."""
        return max(0.0, self.weight - self.right)

    def estimate_error(self) -> Interval:
        return estimate_share(self.wrong, self.weight, self.size)


def _assess(above: _Sums, stated: Sequence[float], confidence: float) -> Threshold:
    below = sum(one < confidence for one in stated)
    return Threshold(
        confidence=confidence,
        judged=above.count,
        error_share=above.wrong / above.weight,
        error=above.estimate_error(),
        load_share=below / len(stated) if stated else None,
    )
