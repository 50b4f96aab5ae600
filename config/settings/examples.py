"""What the example apps need, where no other apps are named: a checkout and the tests."""

from collections.abc import Iterable
from typing import Final

EXAMPLE_APPS: Final = "examples.support,examples.research,examples.fraud"
# One scorer at a time has the GPU; the mail server takes two connections of ours.
_POOLS: Final = {"examples.fraud": {"gpu": 1}, "examples.support": {"mail": 2}}


def size_example_pools(apps: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the pools that those of the examples need which are among the apps."""
    return {pool: slots for app in apps for pool, slots in _POOLS.get(app, {}).items()}
