"""What a server answers that is no answer, too much of one, or somebody else's address."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest

from agents.domain.invocation import Failed, FailureKind
from agents.domain.model_result import ModelResult
from agents.errors import ServerMoved
from agents.model_server import ModelServer, Reply
from agents.providers import http
from tests.integration.agents.providers.conftest import PRICE, ask, models
from tests.integration.agents.providers.replaying import Answer, Replayer

_MODELS = {
    "openai-chat": ("openai-chat:gpt-5-mini", "/v1"),
    "openai-responses": ("openai-responses:gpt-5-mini", "/v1"),
    "anthropic": ("anthropic:claude-sonnet-5", ""),
    "google": ("google:gemini-2.5-flash", ""),
}
_JSON, _EVENTS = {"Content-Type": "application/json"}, {"Content-Type": "text/event-stream"}
_LIMIT = 20_000


def _replay(kind: str, answer: Answer, *, streamed: bool = False) -> Failed | ModelResult:
    model, path = _MODELS[kind]
    with (
        Replayer([answer]) as server,
        models(fast={"model": model, "base_url": server.url + path, "price": PRICE}),
    ):
        found = ask(streamed=streamed)
        assert len(server.requests) == 1
    return found


_CHAT = '{"id":"x","object":"chat.completion","created":1,"model":"m","choices":'


@pytest.mark.parametrize("kind", _MODELS)
@pytest.mark.parametrize("body", ["", "null", "7", "[]", "{}", "<html>", f"{_CHAT}[]}}", f"{_CHAT}[{{}}]}}"])
def test_an_answer_of_nothing_is_unreadable(kind: str, body: str) -> None:
    found = _replay(kind, Answer(200, body.encode(), _JSON))
    assert isinstance(found, Failed), found
    assert found.kind is FailureKind.UNREADABLE, found


@pytest.mark.parametrize("kind", _MODELS)
@pytest.mark.parametrize("event", ["null", "[7]", '{"choices":[null]}', "{broken"])
def test_a_stream_of_nothing_is_unreadable(kind: str, event: str) -> None:
    found = _replay(kind, Answer(200, f"data: {event}\n\n".encode(), _EVENTS), streamed=True)
    assert isinstance(found, Failed), found
    assert found.kind is FailureKind.UNREADABLE, found


@pytest.mark.parametrize("kind", _MODELS)
@pytest.mark.parametrize(
    ("status", "body", "headers", "streamed"),
    [
        (200, b" " * _LIMIT + b"{}", _JSON, False),
        (200, gzip.compress(b" " * 100 * _LIMIT), {**_JSON, "Content-Encoding": "gzip"}, False),
        (200, b": waiting\n\n" * _LIMIT, _EVENTS, True),
        (400, b"x" * 2 * _LIMIT, {"Content-Type": "text/plain"}, False),
    ],
    ids=["plain", "packed", "streamed", "error"],
)
def test_an_answer_is_read_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    status: int,
    body: bytes,
    headers: dict[str, str],
    streamed: bool,
) -> None:
    monkeypatch.setattr(http, "MOST_ANSWER_BYTES", _LIMIT)
    found = _replay(kind, Answer(status, body, headers), streamed=streamed)
    assert isinstance(found, Failed), found
    assert (found.kind, found.error_class) == (FailureKind.UNREADABLE, "agents.errors.AnswerTooLarge")
    assert "answered more than 20,000 bytes" in found.message


def test_an_answer_that_is_packed_is_unpacked_once(serve: Callable[..., ModelServer]) -> None:
    whole = (
        '{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
        '"message":{"role":"assistant","content":"größer"}}]}'
    )
    packed = Answer(200, gzip.compress(whole.encode()), {**_JSON, "Content-Encoding": "gzip"})
    found = _replay("openai-chat", packed)
    assert isinstance(found, ModelResult), found
    assert found.text == "größer"


@pytest.mark.parametrize("kind", _MODELS)
@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_is_bad_configuration_and_takes_the_key_to_nobody(
    monkeypatch: pytest.MonkeyPatch, kind: str, status: int
) -> None:
    monkeypatch.setenv("HOUSE_KEY", "plain-words-of-a-key")
    model, path = _MODELS[kind]
    with Replayer([Answer(200, b"{}", _JSON)]) as thief:
        moved = Answer(status, b"", {"Location": f"{thief.url}/v1?key=plain-words-of-a-key"})
        with (
            Replayer([moved]) as server,
            models(
                fast={
                    "model": model,
                    "base_url": server.url + path,
                    "price": PRICE,
                    "api_key_env": "HOUSE_KEY",
                }
            ),
        ):
            found = ask()
        assert thief.requests == []
    assert isinstance(found, Failed), found
    assert (found.kind, found.error_class) == (FailureKind.PERMANENT, "agents.errors.ServerMoved")
    assert f"sends to {thief.url}/v1, which is not followed" in found.message
    assert "base_url in RINGMASTER['MODELS']" in found.message


def test_where_it_does_not_say_where_to() -> None:
    assert "answered 304 and sends elsewhere" in str(ServerMoved(304, ""))


def test_closing_a_client_closes_those_of_all_loops(serve: Callable[..., ModelServer]) -> None:
    server = serve(Reply("x", times=0))
    client = http.make_client(5)
    transport: Any = client._transport

    async def fetch() -> Any:
        await client.post(f"{server.url}/chat/completions", json={"messages": []})
        return transport._owners[asyncio.get_running_loop()].client

    async def close() -> list[Any]:
        mine = await fetch()
        await client.aclose()
        return [mine]

    with asyncio.Runner() as other:
        theirs = other.run(fetch())
        assert not theirs.is_closed
    assert theirs.is_closed
    assert [each.is_closed for each in asyncio.run(close())] == [True]
    assert not transport._owners
