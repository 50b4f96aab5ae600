"""The channels that Celery talks to its Redis broker with, against the real one."""

from collections.abc import Iterator

import pytest
from kombu.connection import Connection

from config import celery_app
from config.redis_transport import Channel


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
