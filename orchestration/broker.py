"""The way to the broker: with short patience, and, when it is closed, what closed it in words.

Any error of the broker's is the same to the engine: the broker is away, the rows stay as they are, and the maintainer
rings later. To people it is not: a full memory, a read-only replica and a wrong password each need another hand.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from celery import current_app
from celery.backends.redis import RedisBackend
from kombu.pools import producers

from orchestration.conf import get_conf

_AWAY_SECONDS: Final = 1.0
_LONGEST_TEXT: Final = 200
# A place that no list has. Redis takes a place for a number of 32 bits: of a larger one it would take the rest.
_NO_PLACE: Final = 2**31 - 1
_BLOCKED_SECONDS: Final = 0.05
_BLOCKED: Final = "takes no messages: its memory or disk is full, see its own log"

# By the name of the error's class, or of one that it inherits from; the first that fits, the narrow ones first.
_BY_CLASS: Final = {
    "OutOfMemoryError": "it is out of memory: raise its maxmemory, or empty what fills it",
    "ReadOnlyError": "it is a read-only replica: CELERY_BROKER_URL and CELERY_RESULT_BACKEND must name the primary",
    "NoPermissionError": "its user lacks a right: give it all commands on its keys, as by `ACL SETUSER … +@all ~*`",
    "MasterDownError": "it is a replica that lost its primary: wait for the failover, or name the primary",
    "ClusterDownError": "its cluster is down",
    "MovedError": "it is a Redis Cluster, which Celery can't use: name a single server",
    "AuthenticationError": "it refuses the user or the password in its address",
    "BusyLoadingError": "it is loading its data after a start: wait until it is done",
    "MaxConnectionsError": "all connections that this process may have to it are in use",
    "SSLCertVerificationError": "its TLS certificate is not trusted: name the authority by ?ssl_ca_certs=<file>",
    "SSLError": "TLS with it fails",
    "AccessRefused": "it refuses the user, or the user lacks a right on its virtual host",
    "NotAllowed": "its virtual host is missing, or the user may not use it",
    "PreconditionFailed": "a queue of the same name was declared with other arguments: delete it there, or name another"
    " virtual host",
    "ResourceError": "it lacks the room or the right for what it was asked",
    "LimitExceeded": "all connections that this process may have to it are in use",
    "ConnectionForced": "an operator closed the connection, or it shuts down",
    "TimeoutError": "it does not answer in time: it is overloaded, stopped, or the way to it is cut",
}
# Redis sends these as plain errors.
_BY_TEXT: Final = {
    "DB index is out of range": "it has fewer databases than the address names: choose one it has, such as /0",
    "BUSY": "it is busy with a script: `SCRIPT KILL` ends it",
    "MISCONF": "it can't write its data to disk, and so takes nothing: see its own log",
    "WRONGTYPE": "a key with the name of a queue holds something else: delete that key",
    "NOAUTH": "it wants a password: put it into CELERY_BROKER_URL",
    "max number of clients": "it has as many clients as it allows",
    _BLOCKED: f"it {_BLOCKED}",
}


class Outage:
    """Remembers that a server failed so lately that it is not worth another try."""

    def __init__(self) -> None:
        """Begin with a server that answers."""
        self._away_until = 0.0

    def is_away(self) -> bool:
        """Tell whether to leave it alone."""
        return time.monotonic() < self._away_until

    def note_away(self, seconds: float = _AWAY_SECONDS) -> None:
        """Leave it alone for a while."""
        self._away_until = time.monotonic() + seconds


class Broker(Outage):
    """Producers with short patience: publishing has a budget, and the database keeps what could not be sent."""

    def __init__(self) -> None:
        """Open nothing before the first message."""
        super().__init__()
        self._lock = threading.Lock()
        self._connection: Any = None

    def acquire(self) -> Any:
        """Lend a producer."""
        return producers[self._connect()].acquire(block=True, timeout=get_conf().PUBLISH_BUDGET_SECONDS)

    def _connect(self) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = open_impatient_connection()
            return self._connection


def open_impatient_connection(**options: Any) -> Any:
    """Return a broker connection that gives up within the publishing budget, whatever the broker does."""
    budget = get_conf().PUBLISH_BUDGET_SECONDS
    patience = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    redis = {"socket_timeout": budget, "socket_connect_timeout": budget}
    # A node whose memory is full reads no more: without a limit a publisher would wait until somebody emptied it.
    amqp = {"connect_timeout": budget, "read_timeout": budget, "write_timeout": budget}
    return current_app.connection_for_write(transport_options={**patience, **redis, **amqp, **options})


def explain(error: BaseException) -> str:
    """Return what a broker's error means, in words; its own text where there are no better ones."""
    told = ascii(str(error) or type(error).__name__)[1:-1][:_LONGEST_TEXT]
    return _find_words(error) or f"it can't be used: {told}"


def explain_openly(error: BaseException) -> str:
    """Return the same for anybody who asks: an error's own text may name addresses and worse."""
    return _find_words(error) or "it can't be used; the log of whoever sends says why"


def _find_words(error: BaseException) -> str | None:
    for cause in _list_causes(error):
        names = [kind.__name__ for kind in type(cause).__mro__]
        for name, words in _BY_CLASS.items():
            if name in names:
                return words
        for text, words in _BY_TEXT.items():
            if text in str(cause):
                return words
    return None


def find_broker_fault(tell: Callable[[BaseException], str] = explain) -> str | None:
    """Return what keeps messages from being sent, in words for a person; None if they can be.

    Asks the broker, and the server that counts chords, within the publishing budget each, and leaves nothing there but
    the queues themselves.
    """
    try:
        _try_broker()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return f"the broker: {tell(error)}"
    try:
        _try_counter()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return f"the result backend, which counts chords: {tell(error)}; steps are sent without chords"
    return None


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _try_broker() -> None:
    blocked: list[bool] = []
    with open_impatient_connection(on_blocked=lambda *_: blocked.append(True)) as connection:
        if connection.transport.driver_type == "redis":
            _try_list(connection.default_channel.client, next(iter(current_app.amqp.queues)))
            return
        for queue in current_app.amqp.queues.values():
            queue(connection.default_channel).declare()  # as whoever publishes does first
        # To nobody: it is dropped. But a node that takes nothing says so, and only to whoever publishes.
        connection.Producer().publish("", exchange="", routing_key="nobody", retry=False)
        with suppress(OSError):
            connection.drain_events(timeout=_BLOCKED_SECONDS)
    if blocked:
        raise ConnectionRefusedError(f"it {_BLOCKED}")


def _try_list(client: Any, queue: str) -> None:
    """Try a write that changes nothing: the queue has no such place. Every other refusal comes before that one."""
    try:
        client.lset(queue, _NO_PLACE, "")
    except Exception as error:
        if not any(text in str(error) for text in ("no such key", "index out of range")):
            raise


def _try_counter() -> None:
    backend = current_app.backend
    if isinstance(backend, RedisBackend):
        client = backend.client
        client.expire("celery-no-such-key", 1)
