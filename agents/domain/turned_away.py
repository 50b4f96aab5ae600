"""Whether a provider turned a request away before it did anything for it, so that nothing is to be paid. Pure.

An exception is looked at from the outside in, and the first in its chain of causes that is known decides: a connection
that could not be made is no answer that broke off, although both may come from the same error of the system. What
nothing is known of may have been paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agents.domain.failure_table import match_name
from agents.domain.failure_tree import read_cause, read_parts
from agents.domain.http_hints import read_attribute, read_status

_MOST_LEVELS: Final = 12
# A proxy says the first two also when it has waited in vain for a server that works on.
_MAY_BE_PAID: Final = frozenset({408, 499})
_OVERLOADED: Final = 529


def _of_client(*packages: str) -> dict[str, bool]:
    unsent = (
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "InvalidURL",
    )
    known = dict.fromkeys((*unsent, "LocalProtocolError"), True)
    known |= dict.fromkeys(("TransportError", "NetworkError", "TimeoutException", "ProtocolError"), False)
    return {f"{package}.{name}": value for package in packages for name, value in known.items()}


_KNOWN: Final[Mapping[str, bool]] = _of_client("httpx", "httpx2", "httpcore", "httpcore2") | {
    "agents.AnswerUnreadable": False,
    "agents.ModelKeyMissing": True,
    "agents.ModelUnknown": True,
    "agents.ServerMoved": True,
    "builtins.ConnectionRefusedError": True,
    "pydantic_ai.UnexpectedModelBehavior": False,
    "pydantic_ai.UserError": True,
    "socket.gaierror": True,
    "ssl.SSLCertVerificationError": True,
}
"""By package and class, whether nothing was sent; the nearest class of an exception's ancestry counts."""


def was_turned_away(error: BaseException) -> bool:
    """Return whether a request that ended so was never worked on: not sent, or refused by its status.

    An error that came within an answer that had begun was paid up to there, whatever status its provider gives it.
    """
    return _judge(error, 0)


def _judge(error: BaseException, level: int) -> bool:
    if level > _MOST_LEVELS or _is_in_stream(error):
        return False
    known = match_name(error, _KNOWN)
    if known is not None:
        return known
    status = read_status(error)
    if status is not None:
        return (300 <= status < 500 and status not in _MAY_BE_PAID) or status == _OVERLOADED
    if parts := read_parts(error):
        return all(_judge(part, level + 1) for part in parts)
    cause = read_cause(error)
    return cause is not None and _judge(cause, level + 1)


def _is_in_stream(error: BaseException) -> bool:
    """Return whether pydantic-ai says that an error came within an answer."""
    return read_attribute(error, "in_stream") is True
