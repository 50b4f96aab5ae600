"""Where a moment stands on a line on which long times without work are squeezed. Pure.

A run that ran for two seconds, waited two days for a person and ran for two more seconds would else be two dots.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

GAP_WIDTH = 46.0
_MOST_GAPS = 6
_LEAST_GAP = timedelta(seconds=1)
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800,
        3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800, 2_592_000,
    )
)  # fmt: skip
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Gap:
    """A squeezed time: where it stands, and how long it was."""

    x: float
    length: timedelta


class Scale:
    """From moments to places on a line.

    Attributes: start, end: the moments at its ends.  gaps: what is squeezed.
    """

    def __init__(self, start: datetime, end: datetime, busy: Iterable[Interval], width: float) -> None:
        """Lay out the line. `busy`: when anything ran."""
        self.start, self.end, self.width = start, max(end, start + timedelta(milliseconds=1)), width
        idle = _find_idle(self.start, self.end, busy)
        open_time = (self.end - self.start) - sum((b - a for a, b in idle), timedelta())
        self._pace = max(width - GAP_WIDTH * len(idle), 1.0) / max(open_time.total_seconds(), 0.001)
        self._moments: list[datetime] = [self.start]
        self._places: list[float] = [0.0]
        self.gaps: list[Gap] = []
        for gap_start, gap_end in idle:
            self._extend(gap_start, (gap_start - self._moments[-1]).total_seconds() * self._pace)
            self.gaps.append(Gap(self._places[-1], gap_end - gap_start))
            self._extend(gap_end, GAP_WIDTH)
        self._extend(self.end, (self.end - self._moments[-1]).total_seconds() * self._pace)

    def place(self, moment: datetime) -> float:
        """Return where a moment stands; moments beyond an end stand at it."""
        if moment <= self.start:
            return 0.0
        if moment >= self.end:
            return self.width
        n = bisect_right(self._moments, moment)
        (a, x), (b, y) = (self._moments[n - 1], self._places[n - 1]), (self._moments[n], self._places[n])
        return x + (y - x) * ((moment - a) / (b - a))

    def list_ticks(self, apart: float) -> Iterator[tuple[float, timedelta]]:
        """Yield places and what time has passed there, at round times, at least so far apart."""
        step = next((step for step in _STEPS if step.total_seconds() * self._pace >= apart), _STEPS[-1])
        squeezed = [(gap.x, gap.x + GAP_WIDTH) for gap in self.gaps]
        last = -apart
        for a, b in zip(self._moments, self._moments[1:], strict=False):
            passed = step * -((a - self.start) // -step)
            while self.start + passed <= b:
                x = self.place(self.start + passed)
                if x - last >= apart and not any(left < x < right for left, right in squeezed):
                    yield x, passed
                    last = x
                passed += step
                if any(left <= x < right for left, right in squeezed):
                    break

    def _extend(self, moment: datetime, by: float) -> None:
        if moment > self._moments[-1]:
            self._moments.append(moment)
            self._places.append(self._places[-1] + by)


def _find_idle(start: datetime, end: datetime, busy: Iterable[Interval]) -> list[Interval]:
    """Return the longest times in which nothing ran, if they are longer than what was done."""
    idle, reached, worked = [], start, timedelta()
    for a, b in sorted(busy):
        if a > reached:
            idle.append((reached, a))
        worked += max(b - max(a, reached), timedelta())
        reached = max(reached, b)
    if reached == start:
        return []  # nothing ran yet: then waiting is all there is to see
    idle.append((reached, end))
    long = [(a, b) for a, b in idle if b - a > max(_LEAST_GAP, worked)]
    return sorted(sorted(long, key=lambda gap: gap[0] - gap[1])[:_MOST_GAPS])
