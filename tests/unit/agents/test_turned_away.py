"""Which errors say that nothing was done for a request, and which leave it open, as clients raise them."""

import asyncio
import socket
import ssl
from itertools import pairwise
from typing import Any

import httpx2
import openai
import pytest
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelHTTPError,
    ModelQuotaExceededError,
    UserError,
)

from agents.domain.turned_away import was_turned_away
from agents.errors import ModelKeyMissing, ModelUnknown, TransientError

_REQUEST = httpx2.Request("POST", "http://127.0.0.1")


def _caused(error: BaseException, *causes: BaseException) -> BaseException:
    """Return an error with a chain of causes, as `raise ... from ...` makes it."""
    inner = error
    for cause in causes:
        inner.__cause__ = cause
        inner = cause
    return error


def _by_client(*causes: BaseException) -> BaseException:
    """Return what pydantic-ai makes of what OpenAI's client makes of these."""
    return _caused(
        ModelAPIError("fast", "no connection"), openai.APIConnectionError(request=_REQUEST), *causes
    )


def _status(status: int, **more: Any) -> ModelHTTPError:
    return ModelHTTPError(status, "fast", **more)


@pytest.mark.parametrize(
    "error",
    [
        _by_client(httpx2.ConnectError("refused"), ConnectionRefusedError(111)),
        _by_client(httpx2.ConnectError("no such host"), socket.gaierror(-2, "unknown")),
        _by_client(httpx2.ConnectError("TLS"), ssl.SSLCertVerificationError("expired")),
        _by_client(httpx2.ConnectTimeout("silence")),
        _by_client(httpx2.PoolTimeout("none free")),
        _by_client(httpx2.LocalProtocolError("illegal header")),
        *map(_status, (307, 400, 401, 403, 404, 413, 422, 429, 529)),
        ModelHTTPError.for_category(ModelQuotaExceededError, status_code=429, model_name="fast"),
        ModelKeyMissing("fast", "KEY"),
        ModelUnknown("fst"),
        UserError("no tools here"),
        ExceptionGroup("both", [_status(429), ConnectionRefusedError(111)]),
    ],
    ids=repr,
)
def test_what_was_never_worked_on_costs_nothing(error: BaseException) -> None:
    assert was_turned_away(error)


@pytest.mark.parametrize(
    "error",
    [
        # The same error of TLS, within an answer.
        _by_client(httpx2.ReadError("broken off"), ssl.SSLCertVerificationError("again")),
        _by_client(httpx2.ReadTimeout("silence"), ConnectionRefusedError(111)),
        _by_client(httpx2.WriteError("reset")),
        _by_client(httpx2.RemoteProtocolError("closed")),
        _by_client(),
        *map(_status, (408, 499, 500, 502, 503, 504)),
        _status(429, in_stream=True),
        _caused(_status(429, in_stream=True), _status(429)),
        ContentFilterError("refused"),
        _caused(ContentFilterError("refused"), _status(400)),
        ValueError("no such field"),
        TimeoutError(),
        asyncio.CancelledError(),
        TransientError("later"),
        ExceptionGroup("both", [_status(429), httpx2.ReadError("broken off")]),
        SystemExit(429),
    ],
    ids=repr,
)
def test_what_may_have_been_worked_on_counts(error: BaseException) -> None:
    assert not was_turned_away(error)


def test_a_chain_without_end_counts() -> None:
    errors = [RuntimeError(number) for number in range(20)]
    errors[-1].__cause__ = ConnectionRefusedError(111)
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    assert not was_turned_away(errors[0])
