"""May this claim go on to its agent? Breakers and pools, shared by all workers and runs through PostgreSQL.

1. `front.py`      `admit`: asks the breaker, right before the call
2. `breakers.py`   counts failures, opens, lets one probe through, closes
3. `pools.py`      takes slots all or nothing, gives them back, frees those of dead claims
4. `fragments.py`  SQL for the engine's own claim, so that a healthy one asks nothing extra
5. `door.py`       in one process: which agents failed a moment ago, before the breaker knows
6. `volume.py`     how often agents are called, counted in memory and noted with the beat
7. `board.py`      what people see

The order of locks: the step (the caller's), pools by name, then the agent's breaker.
"""

from agents.admission.breakers import (
    Opening,
    find_opening,
    find_openings,
    may_ask,
    note_failure,
    note_success,
    note_unclear,
    presume_failure,
    reset_breaker,
)
from agents.admission.door import Door, Standing
from agents.admission.fragments import is_kept_away
from agents.admission.front import Admitted, BreakerOpen, admit
from agents.admission.pools import find_rooms, give_back, holds_slots, lock_pools, set_pool_size, take_slots
from agents.admission.reaping import reap
from agents.admission.volume import COUNT_CALLS, count_call, take_calls

__all__ = [
    "COUNT_CALLS",
    "Admitted",
    "BreakerOpen",
    "Door",
    "Opening",
    "Standing",
    "admit",
    "count_call",
    "find_opening",
    "find_openings",
    "find_rooms",
    "give_back",
    "holds_slots",
    "is_kept_away",
    "lock_pools",
    "may_ask",
    "note_failure",
    "note_success",
    "note_unclear",
    "presume_failure",
    "reap",
    "reset_breaker",
    "set_pool_size",
    "take_calls",
    "take_slots",
]
