"""A worker's task events leave together, a few times a second, and none is left behind when its consumer stops."""

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty
from typing import Any

import pytest
from celery import current_app
from kombu.asynchronous import Hub
from kombu.connection import Connection
from kombu.entity import Queue

from orchestration.worker.pacing import PacedEvents


@dataclass
class _Consumer:
    """What Celery's consumer hands its steps."""

    hub: Hub | None
    event_dispatcher: Any


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection("memory://") as connection:
        yield connection


@pytest.fixture
def consumer(connection: Connection) -> Iterator[_Consumer]:
    hub = Hub()
    asked: list[int] = []
    dispatcher = current_app.events.Dispatcher(
        connection, hostname="w@test", buffer_group=["task"], on_send_buffered=lambda: asked.append(1)
    )
    yield _Consumer(hub, dispatcher)
    assert not asked
    hub.close()


@pytest.fixture
def sent(connection: Connection, consumer: _Consumer) -> Iterator[Any]:
    queue = Queue("told", exchange=consumer.event_dispatcher.exchange, routing_key="#", auto_delete=True)
    with connection.SimpleQueue(queue) as simple:
        yield simple


def _tell(consumer: _Consumer, count: int) -> None:
    for number in range(count):
        consumer.event_dispatcher.send("task-started", uuid=str(number))


def _take(sent: Any) -> list[str]:
    """Return what one message tells."""
    return [event["uuid"] for event in sent.get_nowait().payload]


def test_events_wait_for_the_loops_timer_and_leave_as_one_message(consumer: _Consumer, sent: Any) -> None:
    PacedEvents(consumer).start(consumer)
    _tell(consumer, 30)
    with pytest.raises(Empty):
        sent.get_nowait()

    assert consumer.hub is not None
    (entry,) = consumer.hub.timer.queue
    entry.entry()

    assert _take(sent) == [str(number) for number in range(30)]
    with pytest.raises(Empty):
        sent.get_nowait()


def test_what_is_left_is_sent_when_the_consumer_stops(consumer: _Consumer, sent: Any) -> None:
    step = PacedEvents(consumer)
    step.start(consumer)
    _tell(consumer, 2)
    step.stop(consumer)
    step.stop(consumer)
    assert _take(sent) == ["0", "1"]
    with pytest.raises(Empty):
        sent.get_nowait()


def test_a_pool_without_a_loop_is_left_as_it_is(consumer: _Consumer) -> None:
    before = consumer.event_dispatcher.buffer_limit
    PacedEvents(consumer).start(_Consumer(None, consumer.event_dispatcher))
    assert consumer.event_dispatcher.buffer_limit == before


def test_celery_starts_it_with_every_worker() -> None:
    assert PacedEvents in current_app.steps["consumer"]
