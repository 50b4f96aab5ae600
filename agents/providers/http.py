"""One HTTP client for a model, whichever event loop asks: a connection belongs to the loop that opened it.

Coroutines of agents run on more than one loop (`agents/runtimes/loops.py`), and a model is built once. Behind the one
client each loop has its own, whose idle connections serve that loop's next request and are closed when it ends.

What a server answers is bounded, and a redirect is never followed: it would take the key to somebody else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final
from urllib.parse import urljoin, urlsplit
from weakref import WeakKeyDictionary

import httpx2
from pydantic_ai.models import get_user_agent

from agents.errors import AnswerTooLarge, ServerMoved

CONNECT_SECONDS: Final = 10.0
MOST_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Of one answer, unpacked, streamed or not, an error's too. The longest answers of models have some hundred thousand
tokens; read whole, JSON takes many times its length in memory."""
BODY: Final = "ringmaster.body"
"""Under which a response's `extensions` hold its `Body`."""
_MOST_TARGET: Final = 200
_MOST_END: Final = 64
# For some readers of streams lines end at these, too. No JSON needs them as they are.
_LINE_ENDS: Final = {letter.encode(): f"\\u{ord(letter):04x}".encode() for letter in "\x85\u2028\u2029"}
_LINE_END: Final = re.compile(b"|".join(_LINE_ENDS))
_HALVES: Final = frozenset(end[:size] for end in _LINE_ENDS for size in range(1, len(end)))
# Of an answer that is handed on unpacked.
_PACKING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


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
        """Send a request from the running loop.

        Raises: ServerMoved. AnswerTooLarge, while what is returned is read.
        """
        loop = asyncio.get_running_loop()
        owner = self._owners.get(loop)
        if owner is None:
            owner = self._owners[loop] = _Owner()
            await owner.begin()
        response = await owner.client.send(request, stream=True)
        if 300 <= response.status_code < 400:
            await response.aclose()
            raise ServerMoved(response.status_code, _read_target(request, response))
        body = Body(response)
        return httpx2.Response(
            response.status_code,
            headers=[pair for pair in response.headers.multi_items() if pair[0].lower() not in _PACKING],
            stream=body,
            extensions=response.extensions | {BODY: body},
        )

    async def aclose(self) -> None:
        """Close the clients of all loops; another loop closes its own as soon as it comes to it."""
        here = asyncio.get_running_loop()
        while self._owners:
            loop, owner = self._owners.popitem()
            if loop is here:
                await owner.end()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(owner.end(), loop)


def _read_target(request: httpx2.Request, response: httpx2.Response) -> str:
    """Return where a redirect leads, without what may be secret."""
    location = response.headers.get("location")
    if not location:
        return ""
    try:
        parts = urlsplit(urljoin(str(request.url), location))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"[:_MOST_TARGET] if parts.hostname else ""


def _escape(piece: bytes) -> tuple[bytes, bytes]:
    """Return a piece of events as every reader finds the same lines in it, and half a letter at its end."""
    told = _LINE_END.sub(lambda end: _LINE_ENDS[end[0]], piece)
    kept = next((half for half in (told[-2:], told[-1:]) if half in _HALVES), b"")
    return told.removesuffix(kept), kept


class Body(httpx2.AsyncByteStream):
    """An answer's bytes, unpacked piece by piece, up to the most that is read. `end`: the last of those that came."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.end = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, kept = 0, b""
        are_events = self._response.headers.get("content-type", "").startswith("text/event-stream")
        async with aclosing(self._response.aiter_bytes()) as pieces:
            async for piece in pieces:
                size += len(piece)
                if size > MOST_ANSWER_BYTES:
                    raise AnswerTooLarge(MOST_ANSWER_BYTES)
                self.end = (self.end + piece)[-_MOST_END:]
                told, kept = _escape(kept + piece) if are_events else (piece, b"")
                yield told
        yield kept

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._response.aclose()


class _Owner:
    """One loop's client, and what closes it: a loop ends the asynchronous generators that it has begun."""

    def __init__(self) -> None:
        self.client = httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=20))
        self._life = self._live()

    async def begin(self) -> None:
        await anext(self._life)

    async def end(self) -> None:
        await self._life.aclose()

    async def _live(self) -> AsyncGenerator[None]:
        async with self.client:
            yield
