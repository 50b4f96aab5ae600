"""How this system's log lines look: one time stamp, the level they were said with, on stderr.

What is said goes through Python's logging, so that Celery formats a worker's lines as it does its own. Printed instead,
each would be a warning to Celery, with a second time stamp, and would stand between the answers of a command.
"""

import logging
import time
from typing import Any, Final

import structlog
from structlog.typing import EventDict

from agents.domain.redaction import redact


class UtcFormatter(logging.Formatter):
    """Writes times as UTC, as everything else here does, and no secrets."""

    converter = time.gmtime  # type: ignore[assignment]  # as Python's own documentation does

    def format(self, record: logging.LogRecord) -> str:
        """Write a line, its traceback included, with secrets masked."""
        return redact(super().format(record))


_RENDER: Final = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)


def _hand_over(logger: Any, name: str, event: EventDict) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Render a line, its secrets masked, and leave the traceback to Python's logging: it shows no variables' values."""
    more = {"exc_info": event.pop("exc_info")} if "exc_info" in event else {}
    return (redact(str(_RENDER(logger, name, event))),), more


def route_logs() -> None:
    """Let structlog's loggers speak through Python's, by their module's name."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.processors.StackInfoRenderer(),
            _hand_over,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
