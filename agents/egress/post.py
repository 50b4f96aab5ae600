"""Sends over HTTP: one request, one answer, no redirect, no proxy."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from agents.domain.networks import SECURE, check_url
from agents.egress.lines import open_line, within

MOST_ANSWER_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. `beginning`: of its body; the rest was not read."""

    status: int
    beginning: bytes
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        """Tell whether the server took it; a redirect is none."""
        return 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
    """Send a body, and return the answer, a redirect too: it is not followed.

    Raises: EgressRefused, SendingTimedOut.  ValueError: the address is none.  OSError, http.client.HTTPException: it
        can't be reached, or answers no HTTP.
    """
    parts = check_url(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with within(seconds):
        line = _connect(parts, seconds)
        try:
            line.request("POST", target, body=body, headers={"Connection": "close", **headers})
            answer = line.getresponse()
            beginning = answer.read(MOST_ANSWER_BYTES)
            return Answer(answer.status, beginning, answer.getheader("Retry-After", ""))
        finally:
            line.close()


def _connect(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    """Return a connection to the address that was looked at; the certificate and `Host` are still the name's."""
    host, is_secure = parts.hostname or "", parts.scheme == SECURE
    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=seconds)
    line = open_line(host, connection.port, seconds, is_sealed=is_secure)
    if is_secure:
        try:
            line = ssl.create_default_context().wrap_socket(line, server_hostname=host)
        except Exception:
            line.close()
            raise
    connection.sock = line
    return connection
