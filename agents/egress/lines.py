"""Opens connections outwards: looked up once, judged, connected to what was judged, cut off when the time is over."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from agents.conf import get_conf
from agents.domain.networks import is_listed, is_open, read_address
from agents.errors import EgressRefused, SendingTimedOut

_Found = tuple[int, tuple[Any, ...]]


class _Limit:
    """When a sending must be over; then its connection is shut down, whatever it is at.

    A socket's own time-out holds for each read alone: a server that sends a byte now and then would never reach it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends_at = time.monotonic() + seconds
        self._watched: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def left(self) -> float:
        """Return how many seconds are left, never quite none: a socket takes 0 for something else."""
        return max(0.001, self.ends_at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Tell whether the time is over."""
        return time.monotonic() >= self.ends_at

    def watch(self, line: socket.socket) -> None:
        """Cut a connection off at the end; of the socket itself TLS takes the descriptor away, so a second is kept."""
        with self._lock:
            self._watched.append(line.dup())

    def end(self) -> None:
        """Let go of what was watched."""
        self._timer.cancel()
        with self._lock:
            for line in self._watched:
                line.close()
            self._watched.clear()

    def _cut(self) -> None:
        with self._lock:
            for line in self._watched:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)


_LIMIT: ContextVar[_Limit | None] = ContextVar("limit_of_sending", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give what happens inside so long, all of its connections together.

    Raises: SendingTimedOut: instead of whatever is made of a connection that was cut off, be it a short answer.
    """
    limit = _Limit(seconds)
    token = _LIMIT.set(limit)
    try:
        yield
    except Exception as error:
        if limit.is_over and not isinstance(error, EgressRefused):
            raise SendingTimedOut(seconds) from error
        raise
    else:
        if limit.is_over:
            raise SendingTimedOut(seconds)
    finally:
        _LIMIT.reset(token)
        limit.end()


def open_line(host: str, port: int, seconds: float, *, is_sealed: bool = True) -> socket.socket:
    """Connect to a host, or refuse to.

    Args: seconds: for each read and write, unless less is left of `within`.
        is_sealed: it will be spoken to over TLS, or may be plain; else only a listed address is connected to.

    Raises: EgressRefused: one of its addresses is none that may be spoken to.  OSError: it can't be reached.
    """
    found = _find_addresses(host, port)
    _judge(host, [read_address(str(place[0])) for _, place in found], is_sealed=is_sealed)
    limit = _LIMIT.get()
    fault: OSError = OSError(f"{host} has no address")
    for family, place in found:
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(min(seconds, limit.left) if limit else seconds)
            if limit:
                limit.watch(line)
            line.connect(place)
        except OSError as error:
            line.close()
            fault = error
        else:
            return line
    raise fault


def _find_addresses(host: str, port: int) -> list[_Found]:
    """Return what the resolver says, once each. It also reads `127.1` and `2130706433`, as `connect` would."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(family), tuple(place)) for family, _, _, _, place in answers))


def _judge(host: str, addresses: Sequence[Any], *, is_sealed: bool) -> None:
    """Refuse a host if any of its addresses is closed: which of them answers is not for the host to choose."""
    allowed = get_conf().egress_networks
    for address in addresses:
        if not is_open(address, allowed):
            raise EgressRefused(f"{host} is at {address}, which is no address of the open internet")
        if not is_sealed and not is_listed(address, allowed):
            raise EgressRefused(f"{host} is at {address}, and without TLS only listed networks are spoken to")
