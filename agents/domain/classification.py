"""One table from what an agent raised to the kind of failure the policy decides by.

Most specific first. What the table does not know is `unknown`, and the policy escalates that: never guess.
"""

from __future__ import annotations

import re
import traceback
from typing import Final

from agents.domain.invocation import Failed, FailureKind
from agents.errors import (
    InputRefused,
    PermanentError,
    TransientError,
    UnknownAgent,
    UnreadableOutput,
)

MAX_MESSAGE_CHARACTERS: Final = 2000
MAX_TRACEBACK_CHARACTERS: Final = 4000
MAX_TRACEBACK_FRAMES: Final = 30
MAX_PART_CHARACTERS: Final = 1000
# A hint beyond a day is a mistake of the far side, not a plan to keep a step asleep.
MAX_RETRY_AFTER_SECONDS: Final = 24 * 3600.0

_KINDS: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (UnreadableOutput, FailureKind.UNREADABLE),
    (InputRefused, FailureKind.BAD_INPUT),
    (TransientError, FailureKind.TRANSIENT),
    (PermanentError, FailureKind.PERMANENT),
    (TimeoutError, FailureKind.TIMEOUT),
    (ConnectionError, FailureKind.TRANSIENT),
    (ValueError, FailureKind.BAD_INPUT),
)
# By name: this app does not know the task queue whose limit this is.
_TIMEOUT_NAMES: Final = frozenset({"SoftTimeLimitExceeded"})
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def classify(error: BaseException) -> FailureKind:
    """Name the kind of failure an exception stands for."""
    for error_class, kind in _KINDS:
        if isinstance(error, error_class):
            return kind
    if any(base.__name__ in _TIMEOUT_NAMES for base in type(error).__mro__):
        return FailureKind.TIMEOUT
    return FailureKind.UNKNOWN


def describe_failure(error: BaseException, agent: str, agent_version: int) -> Failed:
    """Turn what an agent raised into a value that is safe to store, whatever the exception holds."""
    return Failed(
        kind=classify(error),
        error_class=_dotted_name(type(error)),
        message=make_storable(_message(error)[:MAX_MESSAGE_CHARACTERS]),
        traceback_tail=make_storable(_traceback(error)[-MAX_TRACEBACK_CHARACTERS:]),
        retry_after_seconds=_retry_after(error),
        agent=agent,
        agent_version=agent_version,
    )


def describe_unknown(agent: str) -> Failed:
    """Say that nobody here answers to this name."""
    return Failed(
        kind=FailureKind.UNKNOWN_AGENT,
        error_class=_dotted_name(UnknownAgent),
        message=(
            f"no agent {make_storable(agent)!r:.200} is registered in this process; "
            "`list_agents` shows those that are"
        ),
        traceback_tail="",
        retry_after_seconds=None,
        agent=agent,
        agent_version=None,
    )


def _dotted_name(error_class: type[BaseException]) -> str:
    module = error_class.__module__
    name = error_class.__qualname__
    return make_storable(name if module == "builtins" else f"{module}.{name}")


def _message(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an exception may fail even at describing itself
        return f"{type(error).__name__} (its message could not be read)"


def _traceback(error: BaseException) -> str:
    try:
        parts = traceback.format_exception(error, limit=-MAX_TRACEBACK_FRAMES)
    except Exception:  # noqa: BLE001 - as above: the failure must be recorded all the same
        return ""
    # A long message must not push out the frames.
    return "".join(f"{part[:MAX_PART_CHARACTERS].rstrip()}\n" for part in parts)


def make_storable(text: str) -> str:
    """Return the text without what a database column or a log can't hold."""
    return _UNSTORABLE.sub("\ufffd", text)


def _retry_after(error: BaseException) -> float | None:
    if not isinstance(error, TransientError):
        return None
    seconds: object = error.retry_after_seconds  # whatever its author passed
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        return None
    return float(min(seconds, MAX_RETRY_AFTER_SECONDS))
