"""What the maintainer calls each sweep: nothing of a dead claim stays behind, and old counts are forgotten."""

from collections.abc import Callable, Collection
from uuid import UUID

from agents.admission.breakers import forget_failures, free_dead_probes
from agents.admission.pools import free_dead_slots, make_known_pools


def reap(find_live: Callable[[Collection[UUID]], Collection[UUID]]) -> int:
    """Free the slots and the probes of claims that are gone; return how many claims that were.

    Also forgets counts that no window reaches, and gives every pool that is asked for its row.

    A claim's own end frees them in its own commit; this finds what an older release or a hand left behind.

    Args: find_live: gets claim tokens, returns those that still live. It is asked after the tokens were read, so a
        claim that commits meanwhile is never taken for dead.
    """
    forget_failures()
    make_known_pools()
    return free_dead_slots(find_live) + free_dead_probes(find_live)
