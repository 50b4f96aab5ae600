"""What an exception that says nothing by itself says by what it holds: a group's parts, or its documented cause.

`asyncio.TaskGroup` raises a group of what its tasks raised, and `raise FetchFailed(...) from error` names the error as
the cause. A cause that is merely the context says nothing: it may have been dealt with. Depth and width are bounded,
and what is not looked at counts as unknown: never guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from agents.domain.failure_kinds import FailureKind
from agents.domain.failure_table import find_kind
from agents.domain.http_hints import read_retry_after, read_status

_MOST_LEVELS: Final = 12
_MOST_EXCEPTIONS: Final = 1_000
# The first of these that a group holds is the group's: one that can't pass decides, and of those that may pass the
# one that asks for the most patience.
_WEIGHTIEST_FIRST: Final = (
    FailureKind.PERMANENT,
    FailureKind.BAD_INPUT,
    FailureKind.UNREADABLE,
    FailureKind.UNKNOWN,
    FailureKind.RATE_LIMIT,
    FailureKind.TRANSIENT,
    FailureKind.TIMEOUT,
)
# A cause tells whether another try may help. That its input was bad says nothing of what the agent was given.
_TOLD_BY_CAUSE: Final = frozenset(
    {FailureKind.TRANSIENT, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT, FailureKind.PERMANENT}
)


class Look:
    """One look at an exception and what it holds.

    Attributes: kind: of failure.  retry_after_seconds: the longest that anything in it asks to wait, None if nothing
        does.
    """

    def __init__(
        self, error: BaseException, registered: Mapping[str, FailureKind], now: datetime | None = None
    ) -> None:
        """Look. Args: as of `classification.describe_failure`."""
        self._registered = registered
        self._now = now
        self._left = _MOST_EXCEPTIONS
        self.retry_after_seconds: float | None = None
        self.kind = self._judge(error, 0)

    def _judge(self, error: BaseException, level: int) -> FailureKind:
        self._left -= 1
        if self._left < 0 or level > _MOST_LEVELS:
            return FailureKind.UNKNOWN
        self._note_wait(read_retry_after(error, self._now))
        own = find_kind(error, read_status(error), self._registered)
        if own is not FailureKind.UNKNOWN:
            return own
        if parts := read_parts(error):
            return _weigh(self._judge(part, level + 1) for part in parts)
        cause = read_cause(error)
        told = FailureKind.UNKNOWN if cause is None else self._judge(cause, level + 1)
        return told if told in _TOLD_BY_CAUSE else FailureKind.UNKNOWN

    def _note_wait(self, seconds: float | None) -> None:
        if seconds is not None:
            self.retry_after_seconds = max(seconds, self.retry_after_seconds or 0.0)


def read_parts(error: BaseException) -> tuple[BaseException, ...]:
    """Return what a group holds, nothing of any other exception; past what the class says of itself."""
    if not issubclass(type(error), BaseExceptionGroup):
        return ()
    slot: Any = BaseExceptionGroup.exceptions
    parts: tuple[BaseException, ...] = slot.__get__(error)
    return parts


def read_cause(error: BaseException) -> BaseException | None:
    """Return what `raise ... from` named; past what the class says of itself."""
    slot: Any = BaseException.__cause__
    cause: BaseException | None = slot.__get__(error)
    return cause


def _weigh(kinds: Iterable[FailureKind]) -> FailureKind:
    found = set(kinds)
    return next((kind for kind in _WEIGHTIEST_FIRST if kind in found), FailureKind.UNKNOWN)
