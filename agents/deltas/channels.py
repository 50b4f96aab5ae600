"""Redis or Valkey: a channel for each run, which keeps nothing. Whoever is not there when a piece comes never hears it.

The client is told to give up soon and to try nothing again: what it could not tell is old by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from typing import Any, Final

import redis
from redis import asyncio as aio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.errors import AgentError

_PREFIX: Final = "ringmaster:deltas:"
_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.25
_ALIVE_SECONDS: Final = 10.0
_AWAY: Final = (redis.RedisError, OSError, asyncio.TimeoutError)


class ChannelAway(AgentError):
    """Nobody can be told live what a model says: the server of `STREAM_URL` does not answer. Agents go on."""

    code = "channel_away"


def name_channel(run_id: object) -> str:
    """Return where pieces of a run's answers are told."""
    return f"{_PREFIX}{run_id}"


def find_fault(url: str) -> str | None:
    """Return what is wrong with an address; None: nothing that can be told without asking there."""
    if not url.startswith(_SCHEMES):
        return f"begin it with one of {', '.join(_SCHEMES)}"
    try:
        redis.ConnectionPool.from_url(url)
    except (ValueError, TypeError) as error:
        return f"it can't be read: {type(error).__name__}"  # its words may hold the password
    return None


class Channels:
    """A way to tell. Args: url: of the server."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def tell(self, channel: str, text: str) -> int:
        """Tell everybody who listens; return to how many processes it went.

        Raises: ChannelAway.
        """
        try:
            return int(self._client.publish(channel, text))
        except _AWAY as error:
            self._client.connection_pool.disconnect()
            raise ChannelAway(_describe(error)) from error


async def listen(url: str, want: Callable[[], Collection[str]]) -> AsyncGenerator[tuple[str, bytes]]:
    """Yield channel and text of what is told on the channels that are wanted, which may be others at any time.

    Args: want: says which; asked a few times a second. Ends when none is.
    Raises: ChannelAway: what is told meanwhile is lost.
    """
    client = aio.Redis.from_url(
        url,
        socket_timeout=None,  # nothing is told for hours; whether the server is there, is asked
        socket_connect_timeout=_SECONDS,
        health_check_interval=_ALIVE_SECONDS,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    try:
        async with (
            client,
            client.pubsub(ignore_subscribe_messages=True) as ear,
            aclosing(_hear(ear, want)) as heard,
        ):
            async for message in heard:
                yield message
    except _AWAY as error:
        raise ChannelAway(_describe(error)) from error


async def _hear(ear: Any, want: Callable[[], Collection[str]]) -> AsyncGenerator[tuple[str, bytes]]:
    heard: set[str] = set()
    while wanted := set(want()):
        await _change(ear.subscribe, wanted - heard)
        await _change(ear.unsubscribe, heard - wanted)
        heard = wanted
        message = await ear.get_message(timeout=_LOOK_SECONDS)
        if message is not None:
            yield message["channel"].decode(), message["data"]


async def _change(act: Callable[..., Any], channels: Collection[str]) -> None:
    if channels:
        await asyncio.wait_for(act(*channels), _SECONDS)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
