"""Our loopback server as OpenAI's own client finds it."""

import asyncio
import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.domain.classification import describe_failure
from agents.domain.invocation import Failed, FailureKind
from agents.domain.model_result import ModelResult, ModelToolCall
from agents.model_server import Call, Fault, ModelServer, Reply, When
from agents.providers import build_model
from tests.integration.agents.providers.conftest import ask

Serve = Callable[..., ModelServer]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_becomes_a_row(serve: Serve, streamed: bool) -> None:
    serve(
        Reply(
            "Hello, you.",
            reasoning="Hm.",
            input_tokens=10,
            output_tokens=7,
            cached_tokens=4,
            reasoning_tokens=3,
        )
    )
    assert ask(streamed=streamed) == ModelResult(
        text="Hello, you.",
        data=None,
        tool_calls=(),
        finish_reason="stop",
        input_tokens=10,
        output_tokens=7,
        cache_read_tokens=4,
        cache_write_tokens=0,
        reasoning_tokens=3,
        cost_micro_usd=24,
        provider="fast",
        model="scripted",
        response_id="chatcmpl-000001",
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_two_calls_at_once_keep_their_arguments(serve: Serve, streamed: bool) -> None:
    serve(
        Reply(
            calls=(Call("find_order", {"id": "{id}", "note": "größer"}), Call("look", {})),
            when=When(says="order (?P<id>[0-9]+)"),
        )
    )
    found = ask(streamed=streamed, tools=("find_order", "look"), said="order 17")
    assert isinstance(found, ModelResult)
    assert (found.text, found.finish_reason) == (None, "tool_call")
    assert found.tool_calls == (
        ModelToolCall("call_000001_0", "find_order", {"id": "17", "note": "größer"}),
        ModelToolCall("call_000001_1", "look", {}),
    )


def test_structured_output_is_data(serve: Serve) -> None:
    serve(Reply('{"answer": 42}'), Reply(calls=(Call("final_result", {"answer": 42}),)), Reply("{no json}"))
    said = [ask(), ask(tools=("final_result",)), ask()]
    assert [(row.text, row.data, row.tool_calls) for row in said if isinstance(row, ModelResult)] == [
        (None, {"answer": 42}, ()),
        (None, {"answer": 42}, ()),
        ("{no json}", None, ()),
    ]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "kind", "wait"),
    [
        (Fault.RATE_LIMIT, FailureKind.RATE_LIMIT, 2.0),
        (Fault.OVERLOADED, FailureKind.RATE_LIMIT, 2.0),
        (Fault.QUOTA, FailureKind.PERMANENT, None),
        (Fault.SERVER_ERROR, FailureKind.TRANSIENT, 2.0),
        (Fault.UNAVAILABLE, FailureKind.TRANSIENT, 2.0),
        (Fault.BAD_REQUEST, FailureKind.BAD_INPUT, None),
        (Fault.BAD_KEY, FailureKind.PERMANENT, None),
        (Fault.STREAM_ERROR, FailureKind.TRANSIENT, None),
        (Fault.BROKEN_OFF, FailureKind.TRANSIENT, None),
        (Fault.NO_JSON, FailureKind.UNREADABLE, None),
    ],
)
def test_a_fault_becomes_a_failure_and_is_not_tried_again(
    serve: Serve, fault: Fault, kind: FailureKind, wait: float | None, streamed: bool
) -> None:
    server = serve(Reply("A text of some length.", fault=fault, retry_after_seconds=2, times=0))
    failed = ask(streamed=streamed)
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retry_after_seconds) == (kind, wait)
    assert len(server.requests) == 1


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "finish", "text"),
    [
        (Fault.REFUSAL, "content_filter", None),
        (Fault.CONTENT_FILTER, "content_filter", None),
        (Fault.CUT_OFF, "length", "Once upon"),
        (Fault.EMPTY, "stop", None),
    ],
)
def test_an_answer_of_little_use_is_paid_and_a_row(
    serve: Serve, fault: Fault, finish: str, text: str | None, streamed: bool
) -> None:
    serve(Reply("Once upon", fault=fault, input_tokens=5, output_tokens=5))
    row = ask(streamed=streamed)
    assert isinstance(row, ModelResult)
    assert (row.finish_reason, row.text, row.cost_micro_usd) == (finish, text, 15)


@pytest.mark.parametrize(
    ("fault", "kind", "word"),
    [
        (Fault.REFUSAL, FailureKind.PERMANENT, "the provider's filter refused it"),
        (Fault.CONTENT_FILTER, FailureKind.PERMANENT, "the provider's filter refused it"),
        (Fault.EMPTY, FailureKind.UNREADABLE, "output retries"),
    ],
)
def test_an_agent_that_needs_more_fails_by_its_words(
    serve: Serve, fault: Fault, kind: FailureKind, word: str
) -> None:
    from pydantic_ai import Agent

    serve(Reply("x", fault=fault, times=0))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is asked below
        asyncio.run(Agent(build_model("fast"), retries=0).run("Hello"))
    failed = describe_failure(caught.value, "a", 1)
    assert failed.kind is kind
    assert word in failed.message


def test_the_longest_answer_is_sent_along(serve: Serve) -> None:
    server = serve(Reply("x"), max_tokens=99)
    ask()
    assert {server.requests[0].get(name) for name in ("max_tokens", "max_completion_tokens")} == {None, 99}


def test_silence_ends_at_the_model_s_patience(serve: Serve) -> None:
    serve(Reply("x", seconds=1.0), timeout_seconds=0.2)
    failed = ask()
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.TIMEOUT


def test_a_server_that_is_away_may_come_back(serve: Serve) -> None:
    server = serve(Reply("x"))
    server.__exit__(None, None, None)
    failed = ask()
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.TRANSIENT
    server._http.server_close()


def test_two_loops_use_one_model(serve: Serve) -> None:
    server = serve(Reply("x", times=0))
    first = build_model("fast")
    assert [row.text for row in (ask(), ask(), ask()) if isinstance(row, ModelResult)] == ["x", "x", "x"]
    assert build_model("fast") is first
    assert len(server.requests) == 3


def _post(server: ModelServer, path: str, body: bytes) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(server.url.split("/")[2], timeout=5)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_what_it_can_t_answer_it_says(serve: Serve) -> None:
    server = serve(Reply("x", when=When(says="never")))
    assert _post(server, "/v1/embeddings", b"{}")[0] == 404
    assert _post(server, "/v1/chat/completions", b"{")[0] == 400
    status, said = _post(
        server, "/v1/chat/completions", json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    )
    assert (status, said["error"]["message"]) == (400, "no reply of the script fits 'hi': add one")
