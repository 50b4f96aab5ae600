"""From what an agent raised to a value: the kind of failure the policy decides by, and what a person must know.

`failure_table.py` has the tables, `http_hints.py` reads a provider's answer.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from agents.domain.failure_table import find_kind
from agents.domain.http_hints import read_retry_after, read_status
from agents.domain.invocation import Failed, FailureKind
from agents.errors import UnknownAgent

MAX_MESSAGE_CHARACTERS: Final = 2000
MAX_TRACEBACK_CHARACTERS: Final = 4000
MAX_TRACEBACK_FRAMES: Final = 30
MAX_PART_CHARACTERS: Final = 1000
_NOTHING: Final[Mapping[str, FailureKind]] = {}
_MAY_PASS: Final = frozenset({FailureKind.TRANSIENT, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT})
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def classify(error: BaseException, registered: Mapping[str, FailureKind] = _NOTHING) -> FailureKind:
    """Name the kind of failure an exception stands for.

    Args: registered: what the installation says of exceptions, by dotted path.
    """
    return find_kind(error, read_status(error), registered)


def describe_failure(
    error: BaseException,
    agent: str,
    agent_version: int,
    *,
    registered: Mapping[str, FailureKind] = _NOTHING,
    now: datetime | None = None,
) -> Failed:
    """Turn what an agent raised into a value that is safe to store, whatever the exception holds.

    Args: registered: as of `classify`.  now: to read a provider's date by.
    """
    kind = classify(error, registered)
    return Failed(
        kind=kind,
        error_class=_dotted_name(type(error)),
        message=make_storable(_message(error)[:MAX_MESSAGE_CHARACTERS]),
        traceback_tail=make_storable(_traceback(error)[-MAX_TRACEBACK_CHARACTERS:]),
        retry_after_seconds=read_retry_after(error, now) if kind in _MAY_PASS else None,
        agent=agent,
        agent_version=agent_version,
    )


def describe_refusal(
    kind: FailureKind, message: str, agent: str, *, error_class: str = "", agent_version: int | None = None
) -> Failed:
    """Say, in words that are safe to store, why there is no answer although no agent raised anything."""
    return Failed(
        kind=kind,
        error_class=error_class,
        message=make_storable(message)[:MAX_MESSAGE_CHARACTERS],
        traceback_tail="",
        retry_after_seconds=None,
        agent=agent,
        agent_version=agent_version,
    )


def describe_unknown(agent: str) -> Failed:
    """Say that nobody here answers to this name."""
    message = (
        f"no agent {make_storable(agent)!r:.200} is registered in this process; "
        "`list_agents` shows those that are"
    )
    error_class = _dotted_name(UnknownAgent)
    return describe_refusal(FailureKind.UNKNOWN_AGENT, message, agent, error_class=error_class)


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
