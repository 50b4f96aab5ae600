"""Celery's Redis transport, but for three things: what a channel keeps, what it lets in, and how it ends.

A channel keeps the client it acknowledges and publishes with. kombu makes a new one for every message received,
acknowledged or sent; that alone was a tenth of what a worker of short steps did. Sharing is safe: a client only lends
connections of the channel's pool, to one thread each (docs/adr/0015-what-a-short-step-costs.md).

What lies in a list of Redis is whatever somebody put there, and kombu takes it for its own: text that is no JSON, or
JSON that is no message, ends a worker. Here it is dropped (docs/adr/0018-the-broker-may-forge.md).

A connection that broke is closed twice, the second time without its transport. A channel that still has messages in
hand then tries to give them back, and ended the worker with an error that nobody takes for a lost connection.
"""

import logging
from typing import Annotated, Any, Final

from kombu.transport import redis
from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from orchestration.domain.messages import MAX_BYTES
from orchestration.refusals import refused

# What reading and unpacking raise over what is none of kombu's messages. No broker's error is among them.
_UNREADABLE: Final = (AttributeError, ArithmeticError, RecursionError, TypeError, ValueError)


# A message's body in base64, and what stands around it.
_MAX_RAW_BYTES: Final = MAX_BYTES * 3 // 2


class _Delivery(TypedDict):
    exchange: str
    routing_key: str


class _Envelope(TypedDict):
    delivery_tag: Annotated[str, Field(min_length=1, max_length=200)]
    delivery_info: _Delivery


@with_config(strict=True)
class _RawMessage(TypedDict):
    """What kombu looks for in a message before anybody else can look at it."""

    body: str
    headers: dict[str, Any]
    properties: _Envelope


_RAW: Final = TypeAdapter(_RawMessage)


class Channel(redis.Channel):
    """A channel with one client for each of its pools, that survives what it can't read."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's own signature
        """Return the kept client, unless it has a connection of its own or the pool was replaced."""
        if asynchronous:
            client = super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
            client.set_response_callback("BRPOP", _drop_the_overlong)
            return client
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's own signature
        """Return where to connect to.

        Raises: ConnectionError: the transport was given up with its connection; kombu knows this error, and goes on.
        """
        if self.connection.client is None:
            raise ConnectionError("this connection to the broker was given up")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> Any:
        """Read a queue's next message, or drop what is none."""
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except _UNREADABLE as error:
            refused.note(f"it can't be read: {type(error).__name__}", queue="")

    def _receive_one(self, c: Any) -> Any:
        """Read the next message to all workers, or drop what is none."""
        try:
            return super()._receive_one(c)  # type: ignore[no-untyped-call]
        except _UNREADABLE as error:
            refused.note(f"it can't be read: {type(error).__name__}", queue="")


class Transport(redis.Transport):
    """kombu's, with these channels."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        """Hand a message on, if it has what kombu will look for."""
        try:
            _RAW.validate_python(message)
        except ValidationError:
            refused.note("it is no message of Celery's", queue=queue)
        else:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]


class _Brief(logging.Filter):
    """Counts broadcasts that are no JSON. kombu drops them too, but tells of each with its text and a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every other line."""
        if not str(record.msg).startswith("Cannot process event"):
            return True
        refused.note("it can't be read: a broadcast", queue="")
        return False


logging.getLogger(redis.__name__).addFilter(_Brief())


def _drop_the_overlong(answer: Any) -> Any:
    """Return what BRPOP answered; kombu takes None for an empty queue."""
    if answer and len(answer[1]) > _MAX_RAW_BYTES:
        refused.note(f"it is longer than {_MAX_RAW_BYTES} bytes", queue=str(answer[0]))
        return None
    return tuple(answer) if answer else None
