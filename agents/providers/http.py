"""One HTTP client for a model, whichever event loop asks: a connection belongs to the loop that opened it.

Coroutines of agents run on more than one loop (`agents/runtimes/loops.py`), and a model is built once. Behind the one
client each loop has its own, whose idle connections serve that loop's next request and are closed when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final
from weakref import WeakKeyDictionary

import httpx2
from pydantic_ai.models import get_user_agent

CONNECT_SECONDS: Final = 10.0


def make_client(timeout_seconds: float) -> httpx2.AsyncClient:
    """Return a client that any event loop may use. Args: timeout_seconds: longest silence of the server."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
        transport=LoopTransport(),
        headers={"User-Agent": get_user_agent()},
    )


class LoopTransport(httpx2.AsyncBaseTransport):
    """Hands each request to the client of the loop that runs; proxies named by the environment are heeded."""

    def __init__(self) -> None:
        """Begin without any."""
        self._owners: WeakKeyDictionary[asyncio.AbstractEventLoop, _Owner] = WeakKeyDictionary()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request from the running loop."""
        loop = asyncio.get_running_loop()
        owner = self._owners.get(loop)
        if owner is None:
            owner = self._owners[loop] = _Owner()
            await owner.begin()
        return await owner.client.send(request, stream=True)


class _Owner:
    """One loop's client, and what closes it: a loop ends the asynchronous generators that it has begun."""

    def __init__(self) -> None:
        self.client = httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=20))
        self._life = self._live()

    async def begin(self) -> None:
        await anext(self._life)

    async def _live(self) -> AsyncGenerator[None]:
        async with self.client:
            yield
