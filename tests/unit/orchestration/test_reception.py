"""What a worker lets in: strangers' messages are acknowledged, counted and never handed on."""

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from celery import current_app
from celery.worker.consumer import Consumer
from kombu import compression
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from orchestration.domain.messages import HEADER_NAMES
from orchestration.refusals import Ledger
from orchestration.worker import reception
from orchestration.worker.reception import Reception
from tests.chaos.hostile import Forged, list_forged, whole_body, whole_headers


class _Worker(Reception):
    """The consumer of a worker, without the worker."""

    connection_errors: Any = (OSError, OperationalError)
    channel_errors: Any = ()

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.error: Exception | None = None


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    ledger = Ledger()
    monkeypatch.setattr(reception, "refused", ledger)
    return ledger


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> _Worker:
    def take(self: _Worker) -> Callable[[Any], None]:
        def handle(message: Any) -> None:
            if self.error is not None:
                raise self.error
            self.taken.append(message)

        return handle

    monkeypatch.setattr(Consumer, "create_task_handler", take)
    return _Worker()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection("memory://") as connection:
        current_app.amqp.queues["steps"](connection.default_channel).declare()
        connection.default_channel.queue_purge("steps")  # memory is the process's, not the test's
        yield connection


def _send(connection: Connection, worker: _Worker, forged: Forged) -> None:
    raw = forged.body if isinstance(forged.body, bytes) else json.dumps(forged.body).encode()
    connection.Producer().publish(
        raw,
        headers=whole_headers(1) | forged.headers,
        routing_key="steps",
        **{"content_type": "application/json", "content_encoding": "utf-8"} | forged.properties,
    )
    consumer = connection.Consumer(
        [current_app.amqp.queues["steps"]],
        accept=["json"],
        on_message=worker.create_task_handler(),
        on_decode_error=worker.on_decode_error,
    )
    with consumer:
        connection.drain_events(timeout=5)


def _unacknowledged(connection: Connection) -> int:
    return len(connection.default_channel.qos._delivered) - len(connection.default_channel.qos._dirty)


def test_what_the_engine_sends_is_handed_on(connection: Connection, worker: _Worker) -> None:
    _send(connection, worker, Forged({"traceparent": "x", "redelivered": True}, whole_body(1)))
    (message,) = worker.taken
    assert message.headers.keys() == HEADER_NAMES


def test_a_strangers_messages_are_acknowledged_and_told_once(
    connection: Connection, worker: _Worker, ledger: Ledger
) -> None:
    hostile = list(list_forged(1))
    with structlog.testing.capture_logs() as lines:
        for forged in hostile:
            _send(connection, worker, forged)

    assert worker.taken == []
    assert _unacknowledged(connection) == 0
    assert [(line["event"], line["count"]) for line in lines] == [("messages_refused", 1)]
    assert ledger._count == len(hostile) - 1
    assert len(json.dumps(lines)) < 600


def test_how_many_were_refused_is_told_after_a_while(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            ledger.note("strange", queue="steps")
        ledger._said_at -= 11
        ledger.note("strange", queue="steps\x1b[31m" * 50)
    assert [line["count"] for line in lines] == [1, 5]
    assert lines[1]["queue"].isprintable()
    assert len(lines[1]["queue"]) <= 100


def test_what_celery_can_not_take_is_refused_and_the_worker_lives(
    connection: Connection, worker: _Worker
) -> None:
    worker.error = TypeError("unhashable type: 'list'")
    _send(connection, worker, Forged({}, whole_body(1)))
    assert _unacknowledged(connection) == 0


def test_a_broker_that_breaks_off_is_celerys_to_handle(connection: Connection, worker: _Worker) -> None:
    worker.error = OperationalError("gone")
    with pytest.raises(OperationalError):
        _send(connection, worker, Forged({}, whole_body(1)))
    assert _unacknowledged(connection) == 1


@pytest.mark.parametrize("name", ["gzip", "zlib", "bzip2", "lzma"])
def test_nothing_is_unpacked(name: str) -> None:
    assert compression.get_encoder(name)
    with pytest.raises(ValueError, match="compressed"):
        compression.decompress(zlib.compress(b"x"), name)


def test_celery_is_told_to_use_it() -> None:
    assert current_app.conf.worker_consumer == "orchestration.worker.reception:Reception"
