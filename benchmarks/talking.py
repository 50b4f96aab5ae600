"""The client's side of `benchmarks.actors`: sends, publishes, waits and looks, in a process of its own."""

import resource
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from django.db import connection

from benchmarks.client import await_workers, make_tables, obey, wait_until  # sets Django up
from orchestration import actors, runs
from orchestration.actors.routing import pass_on
from orchestration.database.statements import fetch_one
from orchestration.maintenance import mail
from orchestration.models import Actor, Delivery, Message, Run, Subscription

NAME, TOPIC = "bench.actor", "bench.news"
_MOST_SECONDS = 1_200
_DUTIES = (mail.settle_left, mail.route_left, mail.park_stuck, mail.start_left, mail.fail_circles)


def prepare() -> dict[str, Any]:
    """Make the tables and publish the workflows."""
    make_tables()
    actors.define_topic(TOPIC)
    return {}


def warm(workers: str) -> dict[str, Any]:
    """Wait until the workers are there and have done something of either kind."""
    await_workers(int(workers))
    for number in range(100):
        runs.start("bench-one", {})
        actors.send(f"{NAME}/warm-{number}", {})
    _await(_is_over, look_seconds=0.05)
    return {}


def plain(count: str) -> dict[str, Any]:
    """Start runs of one step, and wait until the last has ended."""
    return _time_to_the_end(int(count), lambda _: runs.start("bench-one", {"n": 1}))


def talk(count: str, keys: str) -> dict[str, Any]:
    """Send messages to so many actors in turn, and wait until the last was read."""
    return _time_to_the_end(
        int(count), lambda number: actors.send(f"{NAME}/{number % int(keys)}", {"n": number})
    )


def _time_to_the_end(count: int, act: Callable[[int], object]) -> dict[str, Any]:
    began, busy = time.monotonic(), time.process_time()
    for number in range(count):
        act(number)
    sent = time.monotonic() - began
    spent = time.process_time() - busy
    _await(_is_over, look_seconds=0.05)
    # By the database's clock, since waiting looks only now and then.
    took = fetch_one("SELECT extract(epoch FROM max(finished_at) - %(then)s) AS it FROM orchestration_run", {
        "then": Run.objects.order_by("-created_at").values_list("created_at", flat=True)[count - 1]
    }).it  # fmt: skip
    return {"seconds": float(took), "submit_seconds": sent, "client_cpu_seconds": spent}


def _is_over() -> bool:
    row = fetch_one(
        """SELECT EXISTS (SELECT 1 FROM orchestration_run WHERE status = 'running')
        OR EXISTS (SELECT 1 FROM orchestration_delivery WHERE state IN ('queued', 'taken'))
        OR EXISTS (SELECT 1 FROM orchestration_message WHERE routed_at IS NULL AND due_at IS NULL) AS it""",
        {},
    )
    return not row.it


# Each with a message that it has read, in a run that has ended: rows as turns leave them, where the engine looks.
_IDLE = """
WITH made AS (
    INSERT INTO orchestration_actor (project_id, name, key, made_by, made_at, turns)
    SELECT p.id, %(name)s, 'idle-' || n, 'code', now(), 1
    FROM orchestration_project p, generate_series(%(first)s, %(last)s) n WHERE p.slug = 'default'
    RETURNING id, project_id, name, key
), mail AS (
    INSERT INTO orchestration_message (project_id, kind, sender, to_name, to_key, body_json, digest, hops, sent_at,
        routed_at)
    SELECT project_id, 'direct', 'code', name, key, '1', '', 0, now(), now() FROM made RETURNING id, to_key
), turns AS (
    INSERT INTO orchestration_run (id, project_id, workflow_id, workflow_name, status, round, input_json,
        input_digest, root_id, reason, created_at, finished_at, actor_id)
    SELECT i.id, i.project_id, w.id, w.name, 'succeeded', 1, '{}', '', i.id, '', now(), now(), i.actor
    FROM (SELECT gen_random_uuid() AS id, id AS actor, project_id FROM made) i
    JOIN orchestration_workflow w ON w.actor = %(name)s RETURNING id, actor_id
)
INSERT INTO orchestration_delivery (message_id, actor_id, state, run_id, turn, reason, delivered_at, ended_at)
SELECT m.id, a.id, 'done', t.id, 1, '', now(), now()
FROM made a JOIN mail m ON m.to_key = a.key JOIN turns t ON t.actor_id = a.id
"""


def make_idle(first: str, last: str) -> dict[str, Any]:
    """Make actors that have read their mail."""
    with connection.cursor() as cursor:
        cursor.execute(_IDLE, {"name": NAME, "first": int(first), "last": int(last)})
        cursor.execute("VACUUM ANALYZE")
    return {"actors": Actor.objects.count()}


def look(times: str) -> dict[str, Any]:
    """Return what the maintainer's duties about mail take, and a message to one of the actors until it was read."""
    swept: list[float] = []
    for _ in range(int(times)):
        began = time.perf_counter()
        for duty in _DUTIES:
            duty()
        swept.append(time.perf_counter() - began)
    keys = list(Actor.objects.filter(name=NAME).order_by("key").values_list("key", flat=True)[: int(times)])
    sent, read = [], []
    for key in keys:
        began = time.perf_counter()
        message = actors.send(f"{NAME}/{key}", {})
        sent.append(time.perf_counter() - began)
        read_it = Delivery.objects.filter(message=message, state="done")
        _await(read_it.exists, look_seconds=0.002)
        read.append(time.perf_counter() - began)
    figures = {"sweep_ms": swept, "send_ms": sent, "read_ms": read}
    return {name: statistics.median(values) * 1_000 for name, values in figures.items()}


def subscribe(count: str) -> dict[str, Any]:
    """Let so many members hear the topic."""
    topic = actors.define_topic(TOPIC)
    Subscription.objects.bulk_create(
        [Subscription(topic=topic, name=NAME, key=f"member-{number}") for number in range(int(count))],
        batch_size=5_000,
    )
    return {"members": topic.subscriptions.count()}


def publish() -> dict[str, Any]:
    """Publish one message; return what that took, what its routing took, and when each part of the rest was over."""
    before = _read_mb()
    began = time.perf_counter()
    with _nobody_routes():
        message = actors.publish(TOPIC, {"n": 1})
    published = time.perf_counter() - began
    began = time.perf_counter()
    pass_on([(message.project_id, message.sender)])
    routed = time.perf_counter() - began
    told = {"publish_ms": published * 1_000, "route_seconds": routed, "mb": _read_mb() - before}
    _await(lambda: Message.objects.filter(pk=message.pk, routed_at__isnull=False).exists())
    told["delivered_seconds"] = time.perf_counter() - began
    _await(_is_over)
    told["read_seconds"] = time.perf_counter() - began
    return {**told, "turns": Run.objects.filter(actor__isnull=False).count()}


def _nobody_routes() -> AbstractContextManager[object]:
    return patch("orchestration.actors.sending.pass_on", lambda _: None)


def _await(condition: Callable[[], bool], look_seconds: float = 0.02) -> None:
    wait_until(condition, "not all was read", _MOST_SECONDS, look_seconds)


def _read_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    obey(prepare, warm, plain, talk, make_idle, look, subscribe, publish)
