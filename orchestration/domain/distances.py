"""How far back what a step is handed comes from: the shortest way along data, beside the direct one. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

FRESH_STEPS = 3
"""How far back is near, for whoever asks a model and for the digest of a run, if a step says nothing else."""
AGED_TOKENS = 200
"""What comes from further back and has more than so many is shortened to so many."""


def group_before(edges: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """Return the steps before each step, from edges as (before, after)."""
    before: dict[int, list[int]] = {}
    for first, then in edges:
        before.setdefault(then, []).append(first)
    return before


def measure_distances(before: Mapping[int, Sequence[int]], step: int) -> dict[int, int]:
    """Return for all that stands before a step the length of the shortest way to it."""
    found: dict[int, int] = {}
    waiting = deque([(step, 0)])
    while waiting:
        at, length = waiting.popleft()
        for one in before.get(at, ()):
            if one not in found and one != step:
                found[one] = length + 1
                waiting.append((one, length + 1))
    return found


def measure_age(before: Mapping[int, Sequence[int]], step: int, sender: int) -> int:
    """Return how far back a sender is: the shortest way that does not lead straight to the step; 1 without another.

    That somebody named it as a need makes it no newer.
    """
    others = {then: [one for one in first if (one, then) != (sender, step)] for then, first in before.items()}
    return measure_distances(others, step).get(sender, 1)
