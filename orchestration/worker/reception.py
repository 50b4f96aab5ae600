"""Where messages come in: what the engine did not send is refused before Celery looks at it.

Celery trusts its broker. A message whose id is a list ends a worker, and ends it again at each start; one with a date
to wait for takes a place for ever. What is refused is acknowledged, so that it does not come again, and counted;
nothing is lost by it, since the maintainer rings for every step that is due. Celery takes the class from the setting
`worker_consumer`. docs/adr/0018-the-broker-may-forge.md.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from kombu import compression

from orchestration.broker import explain
from orchestration.domain.messages import HEADER_NAMES, MAX_BYTES, find_message_fault
from orchestration.refusals import refused
from orchestration.worker import remote  # noqa: F401 - where messages come in, orders do not

log = get_logger(__name__)
_REFUSED_SECONDS: Final = 1.0


class Reception(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, but that it takes the engine's own messages only."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Return what is called with each message: Celery's own, behind the filter."""
        handle = super().create_task_handler(*arguments, **options)

        def receive(message: Any) -> None:
            fault = _look_into(message)
            if fault is not None:
                self._refuse(message, fault)
                return
            try:
                handle(message)
            except (*self.connection_errors, *self.channel_errors, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - it would end the worker, and again at each start
                self._refuse(message, f"Celery can't take it: {type(error).__name__}")

        return receive

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give up the connection; where the broker answers but refuses, say why, and let it breathe before the next."""
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, self.channel_errors):
            log.warning("the broker refuses to serve: %s; it is asked again", explain(exc))
            time.sleep(_REFUSED_SECONDS)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Refuse what kombu could not read; Celery would log all of it."""
        self._refuse(message, f"it can't be read: {type(exc).__name__}")

    def _refuse(self, message: Any, reason: str) -> None:
        refused.note(reason, queue=str((message.delivery_info or {}).get("routing_key")))
        if not message.acknowledged:
            message.ack_log_error(log, self.connection_errors)


def _look_into(message: Any) -> str | None:
    """Return why a message is none of the engine's, and leave it only the headers that Celery needs."""
    if (message.content_type, message.content_encoding) != ("application/json", "utf-8"):
        return "it is not JSON in UTF-8"
    if len(message.body or "") > MAX_BYTES:
        return f"it is longer than {MAX_BYTES} bytes"
    try:
        body = message.payload
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises over what a stranger wrote
        return f"it can't be read: {type(error).__name__}"
    fault = find_message_fault(message.headers, message.properties, body)
    if fault is None and not message.headers.keys() <= HEADER_NAMES:
        message.headers = {name: message.headers[name] for name in message.headers.keys() & HEADER_NAMES}
    return fault


def _refuse_compressed(_body: object) -> NoReturn:
    raise ValueError("the engine sends nothing compressed")


def _unlearn_compression() -> None:
    """Let nothing be unpacked: kombu does it before anybody can look, and a kilobyte may become a gigabyte."""
    for content_type in compression.encoders():
        compression.register(compression.get_encoder(content_type)[0], _refuse_compressed, content_type)


_unlearn_compression()
