"""Who gets the free slots of pools: those that waited, in order, all or nothing. Pure.

Strict at the head of each line: whoever can't be served keeps every pool it asks for closed to those behind it. So
a big request is not starved by small ones; the price is a slot that now and then idles for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agents.domain.contract import PoolNeeds


@dataclass(frozen=True, slots=True)
class Room:
    """A pool's size and what of it is taken. More may be taken than there is: a size can be lowered."""

    capacity: int
    held: int = 0

    @property
    def free(self) -> int:
        """Return how many slots can be taken."""
        return max(self.capacity - self.held, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """A step that waits for slots. A higher `priority` goes first, then the older."""

    step_id: int
    pools: PoolNeeds
    since: datetime
    priority: int = field(default=0)

    @property
    def turn(self) -> tuple[int, datetime, int]:
        """Return what requests are ordered by."""
        return (-self.priority, self.since, self.step_id)


def find_short(rooms: Mapping[str, Room], needs: PoolNeeds) -> list[str]:
    """Return the pools that have too few free slots now, by name."""
    return sorted(name for name, amount in needs.items() if rooms[name].free < amount)


def find_too_small(rooms: Mapping[str, Room], needs: PoolNeeds) -> list[str]:
    """Return the pools that could not serve this even if they were empty, by name."""
    return sorted(name for name, amount in needs.items() if rooms[name].capacity < amount)


def grant(rooms: Mapping[str, Room], waiting: Iterable[Request]) -> list[Request]:
    """Return those that can be served now, in their order.

    Args: rooms: every pool that is asked for.  waiting: in any order.
    Returns: requests that fit together into what is free. One that is larger than a pool is passed over: it would
        close the pool for ever.
    """
    free = {name: room.free for name, room in rooms.items()}
    granted = []
    for request in sorted(waiting, key=lambda request: request.turn):
        if find_too_small(rooms, request.pools):
            continue
        if all(free[name] >= amount for name, amount in request.pools.items()):
            granted.append(request)
            free |= {name: free[name] - amount for name, amount in request.pools.items()}
        else:
            # Negative: not even somebody who asks for one slot passes.
            free |= dict.fromkeys(request.pools, -1)
    return granted
