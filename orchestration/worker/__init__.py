"""The process that executes: its row, heartbeat and lock, from Celery's start to its drain.

One row per executing process: the thread worker itself, or each prefork child. `host.py` is what the executor sees,
`heart.py` the thread that tells of it to `pacemaker.py`, the process that beats; `flights.py` knows what each thread
performs, `losses.py` which are lost; `lifecycle.py` ties all to Celery. Must not touch steps: what a dead process
leaves behind is the maintainer's.
"""

from orchestration.worker.host import WorkerHost, current_host, this_host

__all__ = ["WorkerHost", "current_host", "this_host"]
