"""Clients of event streams: plain sockets, so that hundreds fit into one test and can be cut at will."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class StreamClient:
    """Follows one run over however many connections it takes, as a browser would."""

    address: str
    path: str
    cookie: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    ended: str = ""
    connections: int = 0
    status: int = 0

    @property
    def ids(self) -> list[str]:
        return [line["id"] for line in self.lines]

    async def follow(self, *, cut_after: int = 0) -> None:
        """Read until the end; once, cut the connection after so many lines and come back.

        Whoever waits too long for a database connection is told 503, and comes back as the console's page does.
        """
        while not self.ended and self.status in {0, 200, 503}:
            if self.status == 503:
                await asyncio.sleep(0.5)
            await self._connect(cut_after)
            if self.status == 200:
                cut_after = 0

    async def _connect(self, cut_after: int) -> None:
        place = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(self._request().encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.status = int(head.split()[1])
            if self.status == 200:
                self.connections += 1
                await self._read(reader, cut_after)
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, cut_after: int) -> None:
        event = ""
        while raw := await reader.readline():
            name, _, value = raw.decode().strip().partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "end":
                self.ended = json.loads(value)["status"]
                return
            elif name == "data":
                self.lines.append(json.loads(value))
                if len(self.lines) == cut_after:
                    return

    def _request(self) -> str:
        headers = {"Host": "localhost", "Accept": "text/event-stream", "Cookie": self.cookie}
        if self.lines:
            headers["Last-Event-ID"] = self.lines[-1]["id"]
        lines = [f"GET {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""])
