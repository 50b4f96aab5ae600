"""The baseline: the same shapes as plain Celery chains and chords, with no database at all.

Not durable: what it loses it loses. Settings are those a careful user would choose, the same as the product's.
"""

import os
import time

import redis
from celery import Celery, chain, chord

BROKER = os.environ["RAW_BROKER_URL"]
app = Celery("raw", broker=BROKER, backend=os.environ["RAW_RESULT_BACKEND"])
# The product's own settings (config/settings/queues.py) but for the names: the same promises from the broker.
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    result_chord_expires=86_400,
    worker_send_task_events=True,
    broker_connection_retry_on_startup=True,
    task_default_queue="raw",
    broker_transport_options={
        "visibility_timeout": 7200,
        "max_connections": 2000,
        "socket_timeout": 30,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
)
marks = redis.Redis.from_url(BROKER)


@app.task
def noop(*_: object) -> dict[str, int]:
    """Do nothing."""
    return {"n": 1}


@app.task
def first(run: str) -> None:
    """Note when a run's first step started."""
    marks.hset("first", run, time.time())


@app.task
def last(*args: object) -> None:
    """Note when a run's last step ran; the last argument names the run."""
    marks.hset("last", str(args[-1]), time.time())


@app.task
def sleep(seconds: float) -> None:
    """Wait as a model call waits."""
    time.sleep(seconds)


def submit_chain(run: str, length: int) -> None:
    """Submit a chain of no-op steps."""
    middle = [noop.si() for _ in range(length - 2)]
    chain(first.si(run), *middle, last.si(run)).apply_async()


def submit_fan(run: str, width: int, seconds: float | None = None) -> None:
    """Submit a step, a chord of parallel steps behind it, and its body."""
    header = [noop.si() if seconds is None else sleep.si(seconds) for _ in range(width)]
    chain(first.si(run), chord(header, last.si(run))).apply_async()
