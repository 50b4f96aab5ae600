"""The maintainer: one leader that works every second and heals what was interrupted.

`leader.py` is the loop and the election, `rescuer.py` frees steps whose worker can't finish them, `scheduler.py`
wakes retries and rings for lost messages; `companions.py` keeps what may wait for others in threads of its own.
Nothing here is needed for a run in which nothing breaks.
"""

from orchestration.maintenance.leader import Maintainer, sweep

__all__ = ["Maintainer", "sweep"]
