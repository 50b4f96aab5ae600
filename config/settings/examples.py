"""What the example apps need, where no other apps are named: a checkout and the tests."""

from typing import Final

EXAMPLE_APPS: Final = "examples.support,examples.research,examples.fraud"
# One scorer at a time has the GPU; the mail server takes two connections of ours.
EXAMPLE_POOLS: Final = {"gpu": 1, "mail": 2}
