"""Messages that nobody's engine sent: each is one way to stop a worker that trusts its broker."""

import json
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import redis
from kombu.connection import Connection
from kombu.entity import Exchange

from config import services
from orchestration.domain.messages import TASK

RUN = str(uuid.UUID(int=7))
HUGE = 10**30


@dataclass(frozen=True)
class Forged:
    """One message: what differs from a whole one, header by header and property by property."""

    headers: Any = field(default_factory=dict)
    body: object = None
    properties: dict[str, Any] = field(default_factory=dict)


def name_task(step_id: int) -> str:
    return f"{RUN}.{step_id}.1"


def whole_headers(step_id: int) -> dict[str, Any]:
    """Return the headers that Celery gives a step's message."""
    return {
        "lang": "py",
        "task": TASK,
        "id": name_task(step_id),
        "shadow": "demo/step",
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": name_task(step_id),
        "parent_id": None,
        "argsrepr": f"({step_id},)",
        "kwargsrepr": "{}",
        "origin": "gen1@host",
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }


def whole_link(step_id: Any, **options: Any) -> dict[str, Any]:
    """Return a chain link as Celery writes it, with other options."""
    said = {
        "task_id": name_task(step_id) if isinstance(step_id, int) else f"{RUN}.1.1",
        "queue": "steps",
        "shadow": "demo/next",
        "argsrepr": "(1,)",
        "kwargsrepr": "{}",
        "ignore_result": True,
    }
    return {
        "task": TASK,
        "args": [step_id],
        "kwargs": {},
        "options": said | options,
        "subtask_type": None,
        "immutable": True,
    }


def whole_body(step_id: object, **following: Any) -> list[Any]:
    """Return the body of a step's message, with what follows it."""
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return [[step_id], {}, nothing | following]


def list_headers() -> dict[str, dict[str, Any]]:
    """Return headers that a worker must not act on, by what is wrong with them."""
    strange: dict[str, list[Any]] = {
        "id": [[1], {}, None, 5, "", "x", "a" * 200, "nul\0", f"{RUN}.2.1", "../../etc"],
        "task": [[1], {}, None, 7, "celery.chord_unlock", "os.system"],
        "eta": ["2099-01-01T00:00:00", [], 5, "soon", {}],
        "expires": ["2001-01-01T00:00:00", [], "never"],
        "group": [[1], {}, 5, "a\nb", "x" * 2000],
        "group_index": ["one", [1], -1, 1.5],
        "retries": ["x", [1], 10**9, -1],
        "timelimit": ["ab", [1], 5, {"a": 1}, ["x", "y"], [-1, -1], [float("nan"), 1.0]],
        "root_id": [[1], {}, 5],
        "parent_id": [[1], {}, 5],
        "shadow": [[1], {}, "two\nlines", "x" * 5000],
        "argsrepr": [[1], {}, "x" * 5000],
        "origin": [[1], {}],
        "ignore_result": [False, "no", [1]],
        "replaced_task_nesting": ["x", [1], 999],
        "stamped_headers": [["a"], "abc", 5],
        "stamps": [{"a": 1}, 5],
    }
    return {f"{name}={value!r}"[:60]: {name: value} for name, values in strange.items() for value in values}


def list_bodies(step_id: int) -> dict[str, object]:
    """Return bodies that a worker must not act on, by what is wrong with them."""
    links: list[Any] = [
        "no link",
        {},
        whole_link(HUGE),
        whole_link(2**63),
        whole_link(-1),
        whole_link("x"),
        whole_link(3, task_id="nul\0"),
        whole_link(3, task_id="\ud800"),
        whole_link(3, task_id="x" * 200),
        whole_link(3, task_id=name_task(4)),
        whole_link(3, queue="elsewhere"),
        whole_link(3, eta="2099-01-01T00:00:00"),
        whole_link(3, producer="x"),
        whole_link(3, link=[whole_link(4)]),
        whole_link(3) | {"task": "os.system"},
        whole_link(3) | {"subtask_type": "chord"},
        whole_link(3) | {"immutable": False},
    ]
    bodies: dict[str, object] = {
        f"chain of {str(link)[:40]!r} {index}": whole_body(step_id, chain=[link])
        for index, link in enumerate(links)
    }
    bodies |= {
        "a list of arguments": [[step_id, 2], {}, {}],
        "no argument": [[], {}, {}],
        "a keyword": [[step_id], {"a": 1}, {}],
        "a dictionary": {"args": [step_id], "kwargs": {}, "task": TASK, "id": "x"},
        "text": "text",
        "nothing": None,
        "two parts": [[step_id], {}],
        "true": whole_body(True),
        "a huge number": whole_body(HUGE),
        "callbacks": whole_body(step_id, callbacks=[whole_link(step_id)]),
        "errbacks": whole_body(step_id, errbacks=[whole_link(step_id)]),
        "a foreign chord": whole_body(step_id, chord=whole_link(step_id) | {"task": "os.system"}),
        "a chord of text": whole_body(step_id, chord="chord"),
        "an attribute of the request": whole_body(step_id, get="x"),
    }
    return bodies


def list_forged(step_id: int) -> Iterator[Forged]:
    """Return every hostile message about a step: its true id, and one thing that is wrong."""
    body = whole_body(step_id)
    for headers in list_headers().values():
        yield Forged(headers, body)
    for other in list_bodies(step_id).values():
        yield Forged({}, other)
    for properties in (
        {"content_type": "application/x-python-serialize"},
        {"content_type": "application/data"},
        {"content_encoding": "no-such"},
        {"content_encoding": "binary"},
    ):
        yield Forged({}, body, properties)
    yield Forged({}, b"{not json")
    yield Forged({}, b"\xff\xfe")
    yield Forged({}, b"[" * 100_000)
    yield Forged({}, b"[[1" + b"0" * 5_000 + b"],{},{}]")
    yield Forged({}, b" " * 2_000_000 + json.dumps(body).encode())
    yield Forged({"compression": "application/x-gzip"}, zlib.compress(b" " * 50_000_000))
    yield Forged({"compression": "no-such"}, body)
    for _ in range(150):
        yield Forged({"eta": "2099-01-01T00:00:00"}, body)


def send(broker_url: str, step_id: int, queue: str) -> int:
    """Publish every hostile message about a step; return how many the client could write at all."""
    sent = 0
    with Connection(broker_url) as connection, connection.Producer() as producer:
        for forged in list_forged(step_id):
            raw = forged.body if isinstance(forged.body, bytes) else json.dumps(forged.body).encode()
            envelope = {"content_type": "application/json", "content_encoding": "utf-8"} | forged.properties
            if "nan" in repr(forged.headers) and not services.is_redis(broker_url):
                continue  # Erlang has no such number: the node closes the connection that sends one
            # AMQP has no way to write some of them.
            with suppress(ValueError, TypeError, OverflowError):
                producer.publish(
                    raw,
                    headers=whole_headers(step_id) | forged.headers,
                    exchange=Exchange(""),
                    routing_key=queue,
                    **envelope,
                )
                sent += 1
    return sent


def list_raw(queue: str) -> list[bytes]:
    """Return what can lie in a list of Redis that is no message at all."""
    whole = {
        "body": "W10=",
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {
            "delivery_tag": "t",
            "delivery_info": {"exchange": "", "routing_key": queue},
            "body_encoding": "base64",
        },
    }
    broken: list[dict[str, Any]] = [
        {"properties": None},
        {"properties": []},
        {"properties": {}},
        {"properties": {"delivery_tag": ["t"], "delivery_info": {"exchange": "", "routing_key": queue}}},
        {"properties": {"delivery_tag": None, "delivery_info": {"exchange": "", "routing_key": queue}}},
        {"properties": {"delivery_tag": "t", "delivery_info": None}},
        {"properties": whole["properties"] | {"body_encoding": "rot13"}},  # type: ignore[operator]
        {"headers": []},
        {"headers": None},
        {"body": 5},
        {"body": "no base64"},
        {"content-type": ["x"]},
        {"content-encoding": 5},
    ]
    texts = [json.dumps(whole | other) for other in broken]
    texts += [
        "",
        "x",
        "5",
        "null",
        "[]",
        "{}",
        '"text"',
        "[" * 100_000,
        '{"__type__": "bytes", "__value__": 5}',
    ]
    return [*(text.encode() for text in texts), b"\xff\xfe", b" " * 3_000_000]


def push_raw(broker_url: str, queue: str) -> int:
    """Put into a queue's list of Redis what is no message, and tell it to all workers; return how much that is."""
    if not services.is_redis(broker_url):
        return 0
    with redis.Redis.from_url(broker_url) as client:
        items = list_raw(queue)
        client.lpush(queue, *items)
        for item in items:
            client.publish("/0.celery.pidbox", item)
    return len(items)
