"""The tables from exceptions and HTTP statuses to kinds of failure.

Looked at in this order: what an exception says of itself (`agents.errors`), what the installation registered
(`RINGMASTER["ERROR_KINDS"]`), what says more than its HTTP status, the status, the libraries that are known by name,
Python's own. What none of them knows is `unknown`, and the policy never tries that again: never guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from agents.domain.failure_kinds import FailureKind
from agents.errors import (
    AgentRefused,
    AnswerUnreadable,
    CallDiverged,
    CallLimit,
    InputRefused,
    LoopHeld,
    ModelKeptAway,
    PermanentError,
    TransientError,
    UnreadableOutput,
)

T = TypeVar("T")

TRANSIENT, RATE_LIMIT, TIMEOUT, BAD_INPUT, PERMANENT, UNREADABLE = (
    FailureKind.TRANSIENT,
    FailureKind.RATE_LIMIT,
    FailureKind.TIMEOUT,
    FailureKind.BAD_INPUT,
    FailureKind.PERMANENT,
    FailureKind.UNREADABLE,
)
REGISTRABLE: Final = (TRANSIENT, RATE_LIMIT, TIMEOUT, BAD_INPUT, PERMANENT, UNREADABLE)
"""Kinds that an installation may give to exceptions; the others are the engine's to say."""

_OWN: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (UnreadableOutput, UNREADABLE),
    (AnswerUnreadable, UNREADABLE),
    (InputRefused, BAD_INPUT),
    (LoopHeld, FailureKind.HELD_UP),
    (ModelKeptAway, FailureKind.BREAKER_OPEN),
    (CallDiverged, FailureKind.DIVERGED),
    (CallLimit, FailureKind.LIMIT),
    (AgentRefused, PERMANENT),
    (TransientError, TRANSIENT),
    (PermanentError, PERMANENT),
)
_PYTHON: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (TimeoutError, TIMEOUT),
    (ConnectionError, TRANSIENT),
    (ValueError, BAD_INPUT),
)

STATUSES: Final[Mapping[int, FailureKind]] = (
    dict.fromkeys((400, 404, 405, 406, 410, 411, 413, 414, 415, 416, 417, 422, 431), BAD_INPUT)
    | dict.fromkeys((401, 402, 403, 407, 409, 412, 428, 451, 501, 505), PERMANENT)
    | {408: TIMEOUT, 425: TRANSIENT, 429: RATE_LIMIT, 504: TIMEOUT, 529: RATE_LIMIT}
)
"""What a provider's status means. Another 4xx is permanent, another 5xx transient."""

BEYOND_STATUS: Final[Mapping[str, FailureKind]] = {
    "pydantic_ai.ContentFilterError": PERMANENT,
    "pydantic_ai.ModelAuthenticationError": PERMANENT,
    "pydantic_ai.ModelOverloadedError": RATE_LIMIT,
    "pydantic_ai.ModelQuotaExceededError": PERMANENT,
}
"""Exceptions that know more than their status: a quota that is used up comes as a 429, a wrong key as a 400."""

LIBRARIES: Final[Mapping[str, FailureKind]] = {
    "aiohttp.ClientConnectionError": TRANSIENT,
    "aiohttp.ClientPayloadError": TRANSIENT,
    "aiohttp.ServerTimeoutError": TIMEOUT,
    "anthropic.APIConnectionError": TRANSIENT,
    "anthropic.APITimeoutError": TIMEOUT,
    "billiard.SoftTimeLimitExceeded": TIMEOUT,
    "botocore.ConnectTimeoutError": TIMEOUT,
    "botocore.ConnectionError": TRANSIENT,
    "botocore.HTTPClientError": TRANSIENT,
    "botocore.ReadTimeoutError": TIMEOUT,
    "celery.SoftTimeLimitExceeded": TIMEOUT,
    "django.InterfaceError": TRANSIENT,
    "django.OperationalError": TRANSIENT,
    "grpc.FutureTimeoutError": TIMEOUT,
    "httpcore.NetworkError": TRANSIENT,
    "httpcore.ProtocolError": TRANSIENT,
    "httpcore.TimeoutException": TIMEOUT,
    "httpcore2.NetworkError": TRANSIENT,
    "httpcore2.ProtocolError": TRANSIENT,
    "httpcore2.TimeoutException": TIMEOUT,
    "httpx.InvalidURL": BAD_INPUT,
    "httpx.TimeoutException": TIMEOUT,
    "httpx.TransportError": TRANSIENT,
    "httpx2.InvalidURL": BAD_INPUT,
    "httpx2.TimeoutException": TIMEOUT,
    "httpx2.TransportError": TRANSIENT,
    "openai.APIConnectionError": TRANSIENT,
    "openai.APITimeoutError": TIMEOUT,
    "psycopg.IdleInTransactionSessionTimeout": TRANSIENT,
    "psycopg.OperationalError": TRANSIENT,
    "psycopg.ReadOnlySqlTransaction": TRANSIENT,
    "psycopg.TransactionTimeout": TRANSIENT,
    "pydantic_ai.ConcurrencyLimitExceeded": RATE_LIMIT,
    "pydantic_ai.ModelAPIError": TRANSIENT,
    "pydantic_ai.ModelRateLimitError": RATE_LIMIT,
    "pydantic_ai.ModelRequestRejectedError": BAD_INPUT,
    "pydantic_ai.ModelRequestTimeout": TIMEOUT,
    "pydantic_ai.ModelTimeoutError": TIMEOUT,
    "pydantic_ai.OutputTokenLimitExceeded": FailureKind.LIMIT,
    "pydantic_ai.UnexpectedModelBehavior": UNREADABLE,
    "pydantic_ai.UsageLimitExceeded": FailureKind.LIMIT,
    "pydantic_ai.UserError": PERMANENT,
    "redis.ConnectionError": TRANSIENT,
    "redis.TimeoutError": TIMEOUT,
    "requests.ChunkedEncodingError": TRANSIENT,
    "requests.ConnectionError": TRANSIENT,
    "requests.Timeout": TIMEOUT,
    "urllib.URLError": TRANSIENT,
    "urllib3.ProtocolError": TRANSIENT,
    "urllib3.TimeoutError": TIMEOUT,
    "urllib3.MaxRetryError": TRANSIENT,
    "urllib3.NewConnectionError": TRANSIENT,
}
"""Exceptions of others, by package and class: where in it a class is defined changes from release to release."""


ADVICE: Final[Mapping[str, str]] = {
    "pydantic_ai.ContentFilterError": "the provider's filter refused it: another wording or another model may pass",
    "pydantic_ai.ModelAuthenticationError": "the provider refuses the key: `manage.py check_models` names the variable "
    "that holds it; look whether it is right, and may use this model",
    "pydantic_ai.ModelContextWindowExceededError": "hand this step less, or name a model that takes more",
    "pydantic_ai.ModelNotFoundError": "look whether RINGMASTER['MODELS'] has the model's name and base_url right",
    "pydantic_ai.ModelQuotaExceededError": "the account's quota or credit is used up: top it up; waiting does not help",
    "pydantic_ai.OutputTokenLimitExceeded": "the answer was cut off: raise the model's max_tokens in "
    "RINGMASTER['MODELS'], or ask for less",
}
"""What a person can do about it, where the provider's words don't say."""


def find_advice(error: BaseException) -> str:
    """Return what a person can do about an exception; empty if that is not known."""
    return match_name(error, ADVICE) or ""


def find_kind(error: BaseException, status: int | None, registered: Mapping[str, FailureKind]) -> FailureKind:
    """Return the kind of failure that an exception stands for.

    Args:
        status: the HTTP status it carries.
        registered: dotted path of a class -> kind; the nearest class of an exception's ancestry counts.
    """
    own = _match_class(error, _OWN) or match_name(error, registered) or match_name(error, BEYOND_STATUS)
    if own is not None:
        return own
    if status is not None and status >= 400:
        return STATUSES.get(status, PERMANENT if status < 500 else TRANSIENT)
    if is_soft_time_limit(error):
        return TIMEOUT
    return match_name(error, LIBRARIES) or _match_class(error, _PYTHON) or FailureKind.UNKNOWN


def is_soft_time_limit(error: BaseException) -> bool:
    """Return whether a worker's pool stopped what was too long."""
    return any(base.__name__ == "SoftTimeLimitExceeded" for base in type(error).__mro__)


def knows_name(error_class: type, name: str) -> bool:
    """Return whether an exception of a class is recognised by this name."""
    return name in _names(error_class)


def _match_class(
    error: BaseException, table: tuple[tuple[type[BaseException], FailureKind], ...]
) -> FailureKind | None:
    # By its class, never `isinstance`: that also asks the exception itself, whose `__class__` may be a property.
    return next((kind for error_class, kind in table if issubclass(type(error), error_class)), None)


def match_name(error: BaseException, table: Mapping[str, T]) -> T | None:
    """Return what a table says of an exception's nearest class that it knows, by dotted path or package and class."""
    if not table:
        return None
    return next((table[name] for base in type(error).__mro__ for name in _names(base) if name in table), None)


def _names(error_class: type) -> Iterator[str]:
    """Yield what a class is registered under: its dotted path, or its package and its own name."""
    module = error_class.__module__
    if type(module) is str:  # anything may be called `__module__`
        yield f"{module}.{error_class.__qualname__}"
        yield f"{module.partition('.')[0]}.{error_class.__qualname__}"
