"""The channels that Celery talks to its Redis broker with, against the real one."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import DecodeError
from kombu.messaging import Consumer

from config import celery_app
from config.redis_transport import Channel, Transport
from tests.chaos.hostile import list_raw


@pytest.fixture
def connection() -> Iterator[Connection]:
    with celery_app.connection_for_write() as connection:
        yield connection


@pytest.fixture
def channel(connection: Connection) -> Channel:
    channel = connection.channel()
    assert type(channel) is Channel, "Celery does not use the project's transport"
    return channel


def test_the_address_is_still_redis(connection: Connection) -> None:
    assert connection.as_uri().startswith("redis://")


def test_one_client_serves_every_message(channel: Channel) -> None:
    with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
        assert first is second
    assert first.connection_pool is channel.pool


def test_a_client_goes_with_its_pool(channel: Channel) -> None:
    with channel.conn_or_acquire() as before:
        before.ping()
    channel._disconnect_pools()  # type: ignore[no-untyped-call]  # what a fork and a lost connection do
    with channel.conn_or_acquire() as after:
        assert after is not before
        assert after.ping()


def test_who_waits_for_messages_has_a_client_of_its_own(channel: Channel) -> None:
    with channel.conn_or_acquire() as shared:
        assert channel._create_client(asynchronous=True) is not shared
        assert channel._create_client(asynchronous=True) is not channel._create_client(asynchronous=True)


def test_what_is_sent_is_received_and_acknowledged_once(connection: Connection) -> None:
    queue = connection.SimpleQueue("test-redis-transport")
    for number in range(3):
        queue.put({"n": number})
    received = [queue.get(timeout=5) for _ in range(3)]
    unacknowledged = queue.channel.client.hlen("unacked")
    for message in received:
        message.ack()
    assert [message.payload["n"] for message in received] == [0, 1, 2]
    assert unacknowledged - queue.channel.client.hlen("unacked") == 3
    with pytest.raises(queue.Empty):
        queue.get_nowait()
    queue.queue.delete()
    queue.close()


def test_what_is_no_message_is_dropped_and_the_next_one_is_delivered(
    connection: Connection, clean_broker: None
) -> None:
    queue = connection.SimpleQueue("test-redis-transport")
    pushed = list_raw(queue.queue.name)
    queue.channel.client.lpush(queue.queue.name, *pushed)
    queue.put("whole")

    payloads: list[Any] = []
    give_up_at = time.monotonic() + 20
    while "whole" not in payloads and time.monotonic() < give_up_at:
        # Each look takes one of them; what has the outside of a message can be refused by its reader only.
        with suppress(queue.Empty, DecodeError, AttributeError):
            message = queue.get(timeout=0.2)
            message.ack()
            payloads.append(message.payload)

    assert payloads[-1] == "whole"
    assert queue.channel.client.llen(queue.queue.name) == 0
    queue.queue.delete()
    queue.close()


def test_a_broadcast_that_is_no_message_is_dropped(connection: Connection) -> None:
    heard: list[Any] = []
    mailbox = Exchange("test-broadcast", type="fanout")
    with connection.channel() as channel:
        box = Queue("test-broadcast-box", exchange=mailbox, auto_delete=True)
        with Consumer(
            channel,
            [box],
            callbacks=[lambda body, _message: heard.append(body)],
            on_decode_error=lambda message, _error: message.ack(),
            accept=["json"],
        ):
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.2)  # subscribes
            for item in list_raw("test-broadcast"):
                channel.client.publish("/0.test-broadcast", item)
            connection.Producer().publish("whole", exchange=mailbox, routing_key="", serializer="json")
            give_up_at = time.monotonic() + 20
            while "whole" not in heard and time.monotonic() < give_up_at:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)
    assert heard[-1] == "whole"


def test_over_tls_it_is_the_same_transport() -> None:
    assert isinstance(
        Connection("rediss://localhost/0", ssl={"ssl_cert_reqs": "required"}).transport, Transport
    )
