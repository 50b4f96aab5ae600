"""Opens connections before the first message comes, and lets PostgreSQL plan on each what every step needs.

A worker that comes back finds messages waiting for it. Without this its first steps, one per thread, would each open
a connection of their own and wait until all that is planned there.
"""

import threading
from typing import Final

import structlog
from django.db import Error, connection

from orchestration.conf import get_signer
from orchestration.transitions.claim import claim_step
from orchestration.transitions.finish import plan_finish
from orchestration.transitions.release import release_step
from orchestration.transitions.seal import plan_closing

log = structlog.get_logger(__name__)

# More would be opened for threads that may never be needed at once.
_MOST_CONNECTIONS: Final = 8
_PATIENCE_SECONDS: Final = 5.0
_NO_STEP: Final = 0


def warm_connections(threads: int) -> int:
    """Open as many connections as the threads will use at first; return how many are ready in the pool.

    Args: threads: of the worker. Without a pool there is nothing to keep, and nothing is done.
    """
    pool = connection.settings_dict["OPTIONS"].get("pool")
    if not pool:
        return 0
    count = min(threads, int(pool["max_size"]), _MOST_CONNECTIONS)
    ready: list[int] = []
    # All are out at once, so none is another's.
    barrier = threading.Barrier(count)

    def open_one(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(_PATIENCE_SECONDS)
            _plan_main_path()
            ready.append(number)
        except (Error, threading.BrokenBarrierError) as error:
            log.warning("connection_not_warmed", error=str(error), next="it is opened when a step needs it")
        finally:
            connection.close()

    helpers = [threading.Thread(target=open_one, args=(number,)) for number in range(count)]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()
    return len(ready)


def _plan_main_path() -> None:
    claim_step(_NO_STEP, process_id=0, task_id="", agents=[""])
    plan_finish()
    release_step(_NO_STEP, get_signer())
    plan_closing()
