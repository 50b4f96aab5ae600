"""Celery's Redis transport, but that a channel keeps the client it acknowledges and publishes with.

kombu makes a new one for every message received, acknowledged or sent; that alone was a tenth of what a worker of
short steps did. Sharing is safe: a client only lends connections of the channel's pool, to one thread each. Over TLS
kombu's own is used. Read next: docs/adr/0015-what-a-short-step-costs.md.
"""

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel with one client for each of its pools."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's own signature
        """Return the kept client, unless it has a connection of its own or the pool was replaced."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept


class Transport(redis.Transport):
    """kombu's, with these channels."""

    Channel = Channel
