"""From what an agent raised to a value: the kind of failure the policy decides by, and what a person must know.

`failure_table.py` has the tables, `http_hints.py` reads a provider's answer.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from agents.domain.failure_table import find_advice, is_soft_time_limit
from agents.domain.failure_tree import Look, read_parts
from agents.domain.interruption import is_order_to_end, read_traceback
from agents.domain.invocation import Failed, FailureKind
from agents.domain.redaction import redact
from agents.errors import UnknownAgent

MAX_MESSAGE_CHARACTERS: Final = 2000
MAX_TRACEBACK_CHARACTERS: Final = 4000
MAX_TRACEBACK_FRAMES: Final = 30
MAX_PART_CHARACTERS: Final = 1000
_MOST_PARTS_TOLD: Final = 3
_MOST_READ: Final = 20_000
_NOTHING: Final[Mapping[str, FailureKind]] = {}
_MAY_PASS: Final = frozenset({FailureKind.TRANSIENT, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT})
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def classify(error: BaseException, registered: Mapping[str, FailureKind] = _NOTHING) -> FailureKind:
    """Name the kind of failure an exception stands for, by itself, by what it groups, or by its documented cause.

    Args: registered: what the installation says of exceptions, by dotted path.
    """
    return Look(error, registered).kind


def describe_failure(
    error: BaseException,
    agent: str,
    agent_version: int | None,
    *,
    registered: Mapping[str, FailureKind] = _NOTHING,
    now: datetime | None = None,
    timeout_seconds: float | None = None,
) -> Failed:
    """Turn what an agent raised into a value that is safe to store, whatever the exception holds or does.

    Args: registered: as of `classify`.  now: to read a provider's date by.  timeout_seconds: that the agent had.
    """
    if is_soft_time_limit(error):
        return _describe_too_long(error, agent, agent_version, timeout_seconds)
    kind, wait, advice = _look(error, registered, now)
    return Failed(
        kind=kind,
        error_class=name_class(type(error)),
        message=_put_first(advice, describe_error(error)),
        traceback_tail=_traceback(error),
        retry_after_seconds=wait if kind in _MAY_PASS else None,
        agent=agent,
        agent_version=agent_version,
    )


def describe_fault(error: BaseException, agent: str, during: str) -> Failed:
    """Say that the engine itself failed at an attempt, with the true cause; the agent is not to blame.

    Args: during: what it was doing, such as "preparing it".
    """
    if is_soft_time_limit(error):
        return _describe_too_long(error, agent, None, None)
    return Failed(
        kind=FailureKind.ENGINE_FAULT,
        error_class=name_class(type(error)),
        message=f"{during}: {describe_error(error)}"[:MAX_MESSAGE_CHARACTERS],
        traceback_tail=_traceback(error),
        retry_after_seconds=None,
        agent=agent,
        agent_version=None,
    )


def _look(
    error: BaseException, registered: Mapping[str, FailureKind], now: datetime | None
) -> tuple[FailureKind, float | None, str]:
    try:
        look, advice = Look(error, registered, now), find_advice(error)
    except BaseException as fault:
        if is_order_to_end(fault):
            raise
        return FailureKind.UNKNOWN, None, ""
    return look.kind, look.retry_after_seconds, advice


def _describe_too_long(
    error: BaseException, agent: str, agent_version: int | None, timeout_seconds: float | None
) -> Failed:
    """Tell in words what the worker's pool tells by an exception of its own."""
    allowed = "it may take" if timeout_seconds is None else f"its {timeout_seconds:g} seconds"
    return Failed(
        kind=FailureKind.TIMEOUT,
        error_class="TimeoutError",
        message=f"it ran longer than {allowed}, and was stopped",
        traceback_tail=_traceback(error),
        retry_after_seconds=None,
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
    error_class = name_class(UnknownAgent)
    return describe_refusal(FailureKind.UNKNOWN_AGENT, message, agent, error_class=error_class)


def name_class(error_class: type[BaseException]) -> str:
    """Return the dotted path of an exception's class, the bare name of a built-in one; past what it says of itself."""
    slots: Any = vars(type)
    module, name = slots["__module__"].__get__(error_class), slots["__qualname__"].__get__(error_class)
    is_told = type(module) is str and module != "builtins"  # anything may be called `__module__`
    return make_storable(f"{module}.{name}" if is_told else name)[:MAX_PART_CHARACTERS]


def describe_error(error: BaseException) -> str:
    """Return an exception's message, safe to store; a group's with those of its first parts."""
    parts = [
        f"{name_class(type(part))}: {_say(part)}" for part in islice(read_parts(error), _MOST_PARTS_TOLD)
    ]
    return f"{_say(error)}: {'; '.join(parts)}"[:MAX_MESSAGE_CHARACTERS] if parts else _say(error)


def _put_first(advice: str, message: str) -> str:
    """Return what a person can do about an exception before its own words; those alone if that is not known."""
    return f"{advice} ({message}"[: MAX_MESSAGE_CHARACTERS - 1] + ")" if advice else message


def _say(error: BaseException) -> str:
    name = name_class(type(error)).rpartition(".")[2]
    try:
        # A subclass of `str` may be returned, whose slices are anybody's: the base class cuts.
        said = str.__getitem__(str(error), slice(_MOST_READ))
    except BaseException as fault:  # an exception may fail even at describing itself
        if is_order_to_end(fault):
            raise
        return f"{name} (its message could not be read)"
    # Masked before it is cut: half a secret looks like none.
    return make_storable(redact(said)[:MAX_MESSAGE_CHARACTERS]) or name


def _traceback(error: BaseException) -> str:
    try:
        parts = traceback.format_exception(error, limit=-MAX_TRACEBACK_FRAMES)
    except BaseException as fault:  # as above: the failure must be recorded all the same
        if is_order_to_end(fault):
            raise
        parts = traceback.format_tb(read_traceback(error), limit=-MAX_TRACEBACK_FRAMES)
    # A long message must not push out the frames.
    text = "".join(f"{redact(part[:_MOST_READ])[:MAX_PART_CHARACTERS].rstrip()}\n" for part in parts)
    return make_storable(text[-MAX_TRACEBACK_CHARACTERS:])


def make_storable(text: str) -> str:
    """Return the text without what a database column or a log can't hold."""
    return _UNSTORABLE.sub("\ufffd", text)
