"""The console's pages for breakers and pools: what is kept away and why, who holds what, and two things to change.

1. `breakers.py`   the board, a breaker's page, its reset
2. `pools.py`      the pools with their holders, and their size
3. `words.py`      what rows say, in words
"""

from agents.admin.breakers import BreakerAdmin
from agents.admin.pools import PoolAdmin

__all__ = ["BreakerAdmin", "PoolAdmin"]
