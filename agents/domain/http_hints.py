"""What an exception carries of a provider's HTTP answer: its status, and how long to wait. Imports no client."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from agents.domain.interruption import is_order_to_end

# A hint beyond a day is a mistake of the far side, not a plan to keep a step asleep.
MAX_RETRY_AFTER_SECONDS: Final = 24 * 3600.0
_SECONDS: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?\Z")


def read_status(error: BaseException) -> int | None:
    """Return the HTTP status that an exception carries, itself or on its `response`."""
    if not issubclass(type(error), Exception):
        return None  # the code of a SystemExit is no status
    for holder, names in (
        (error, ("status_code", "status", "code")),
        (read_attribute(error, "response"), ("status_code", "status")),
    ):
        for name in names:
            status = read_attribute(holder, name)
            if issubclass(type(status), int) and type(status) is not bool and 100 <= status <= 599:
                return int(status)
    return None


def read_retry_after(error: BaseException, now: datetime | None) -> float | None:
    """Return how long the far side asked to wait: as the exception says itself, or as its answer's headers do.

    `retry-after-ms` is OpenAI's and Anthropic's, more exact than `retry-after`, whose seconds are whole. What a client
    read out of a body (Google's RetryInfo) it says as `retry_after`.

    Args: now: to read a date by, if the answer has none of its own.
    """
    own = _keep(read_attribute(error, "retry_after_seconds"))
    if own is not None:
        return own
    for holder in (read_attribute(error, "response"), error):
        headers = read_attribute(holder, "headers")
        milliseconds = _read_header(headers, "retry-after-ms")
        if milliseconds is not None and _SECONDS.match(milliseconds):
            return _keep(float(milliseconds) / 1000)
        text = _read_header(headers, "retry-after")
        if text is not None:
            return _read_seconds(text, _read_date(_read_header(headers, "date")) or now)
    return _keep(read_attribute(error, "retry_after"))


def read_attribute(holder: object, name: str) -> Any:
    """Return an attribute of anybody's object; None where it has none, or fails at telling."""
    try:
        return getattr(holder, name, None)
    except BaseException as fault:  # a property of anybody's exception
        if is_order_to_end(fault):
            raise
        return None


def _read_header(headers: Any, name: str) -> str | None:
    try:
        found = headers.get(name) or headers.get(name.title())
        return found.strip() if isinstance(found, str) else None
    except BaseException as fault:  # anything may be called `headers`
        if is_order_to_end(fault):
            raise
        return None


def _read_seconds(text: str, now: datetime | None) -> float | None:
    if _SECONDS.match(text):
        return _keep(float(text))
    until = _read_date(text)
    return None if until is None or now is None else _keep(max((until - now).total_seconds(), 0.0))


def _read_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _keep(seconds: object) -> float | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        return None
    return float(min(seconds, MAX_RETRY_AFTER_SECONDS))
