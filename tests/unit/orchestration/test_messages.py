"""What a message may say: all that the engine sends, whatever Celery adds on its way, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from celery.canvas import maybe_signature
from kombu.connection import Connection

from agents.domain.contract import Queue
from orchestration import dispatch
from orchestration.domain.messages import HEADER_NAMES, find_message_fault, read_link
from orchestration.selectors.routes import Route, Stop
from tests.chaos.hostile import (
    RUN,
    list_bodies,
    list_headers,
    whole_body,
    whole_headers,
    whole_link,
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection("memory://") as connection:
        for queue in current_app.conf.task_queues:
            queue(connection.default_channel).declare()
            connection.default_channel.queue_purge(queue.name)  # memory is the process's, not the test's
        yield connection


def _stop(number: int, queue: str = "steps") -> Stop:
    return Stop(number, UUID(RUN), "demo", f"plan/s[{number}]", queue, 30.0, dispatch=2)


def _send(connection: Connection, canvas: Any, queue: str = "steps", **options: Any) -> Any:
    """Publish a canvas, and return its message as a worker gets it."""
    canvas.apply_async(producer=connection.Producer(), **options)
    return connection.default_channel.basic_get(queue)


def _find_fault(message: Any) -> str | None:
    return find_message_fault(message.headers, message.properties, message.payload)


@pytest.mark.parametrize("queue", list(Queue))
def test_a_message_alone_and_every_link_of_a_chain_are_let_in(connection: Connection, queue: str) -> None:
    route = Route(_stop(1, queue), tuple(_stop(number, queue) for number in range(2, 21)), join_id=None)
    message = _send(connection, dispatch._compile_route(route), queue)
    seen = [message.payload[0][0]]
    while chain := message.payload[2]["chain"]:
        assert _find_fault(message) is None
        # As Celery sends the next link when a task returns.
        message = _send(
            connection,
            maybe_signature(chain[-1], app=current_app),
            queue,
            args=("accept",),
            chain=chain[:-1],
            parent_id=message.headers["id"],
            root_id=message.headers["root_id"],
            priority=None,
        )
        seen.append(message.payload[0][0])
    assert _find_fault(message) is None
    assert seen == list(range(1, 21))


def test_a_chords_header_and_its_body_are_let_in(connection: Connection) -> None:
    header = dispatch._sign(_stop(1)).set(group_id="f" * 36, group_index=0, chord=dispatch._sign(_stop(9)))
    message = _send(connection, header)
    assert _find_fault(message) is None
    body = maybe_signature(message.payload[2]["chord"], app=current_app)
    assert _find_fault(_send(connection, body, args=(["accept"],))) is None


def test_celery_sends_no_header_that_would_be_dropped(connection: Connection) -> None:
    assert _send(connection, dispatch._sign(_stop(1))).headers.keys() <= HEADER_NAMES


def test_a_tracers_header_is_no_fault() -> None:
    assert find_message_fault(whole_headers(1) | {"traceparent": "00-1"}, {}, whole_body(1)) is None


@pytest.mark.parametrize("name", list_headers())
def test_a_strange_header_is_refused(name: str) -> None:
    fault = find_message_fault(whole_headers(1) | list_headers()[name], {}, whole_body(1))
    assert fault is not None
    assert len(fault) < 120
    assert fault.isprintable()


@pytest.mark.parametrize("name", list_bodies(1))
def test_a_strange_body_is_refused(name: str) -> None:
    assert find_message_fault(whole_headers(1), {}, json.loads(json.dumps(list_bodies(1)[name]))) is not None


@pytest.mark.parametrize("headers", [None, [], "task", {}, {"task": "x"}])
def test_no_headers_are_refused(headers: object) -> None:
    assert find_message_fault(headers, {}, whole_body(1)) is not None


@pytest.mark.parametrize(
    "properties", [None, [], {"correlation_id": [1]}, {"reply_to": {}}, {"priority": "x"}]
)
def test_strange_properties_are_refused(properties: object) -> None:
    assert find_message_fault(whole_headers(1), properties, whole_body(1)) is not None


def test_a_name_that_a_stranger_chose_is_not_repeated() -> None:
    fault = find_message_fault(whole_headers(1), {}, whole_body(1, **{"\x1b[31m" * 50: 1}))
    assert fault == "2.a field: extra_forbidden"


def test_a_link_is_read_or_it_is_none() -> None:
    link = read_link(whole_link(3))
    assert link is not None
    assert (link.step_id, link.task_id) == (3, f"{RUN}.3.1")
    for body in list_bodies(1).values():
        chain = body[2].get("chain") if isinstance(body, list) and len(body) == 3 else None
        assert chain is None or read_link(chain[0]) is None
