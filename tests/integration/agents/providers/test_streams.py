"""Answers that come in pieces, as servers of several makes send them: a whole one is a row, half of one is none."""

import asyncio
import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from agents.deltas import Speech
from agents.domain.classification import describe_failure
from agents.domain.invocation import Failed, FailureKind
from agents.domain.model_result import ModelResult
from agents.providers import build_model, http, normalise
from agents.runtimes.model import streaming
from tests.integration.agents.providers.conftest import PRICE, models
from tests.integration.agents.providers.replaying import Answer, Replayer

_MODELS = {
    "chat": ("openai-chat:gpt-5-mini", "/v1"),
    "responses": ("openai-responses:gpt-5-mini", "/v1"),
    "anthropic": ("anthropic:claude-sonnet-5", ""),
    "google": ("google:gemini-2.5-flash", ""),
}
_USED = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}


@pytest.fixture(autouse=True)
def speech(monkeypatch: pytest.MonkeyPatch) -> Speech:
    """Let somebody watch: answers are streamed."""
    speech = Speech("run", 1, 1, lambda: None)
    monkeypatch.setattr(streaming, "begin_speech", lambda *_: speech)
    return speech


def _ask(kind: str, body: str) -> ModelResult | Failed:
    model, path = _MODELS[kind]
    answer = Answer(200, body.encode(), {"Content-Type": "text/event-stream"})
    with (
        Replayer([answer]) as server,
        models(fast={"model": model, "base_url": server.url + path, "price": PRICE}),
    ):
        try:
            return normalise(asyncio.run(_request()))
        except Exception as error:  # noqa: BLE001 - that is what is looked at
            return describe_failure(error, "test.agent", 1)


async def _request() -> Any:
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    task: Any = SimpleNamespace(run_id="run", attempt=1)
    tools = [ToolDefinition(name=name) for name in ("look", "pay")]
    with streaming.Stage(task, "fast").enter(1):
        return await streaming.StreamingModel(build_model("fast")).request(
            [ModelRequest(parts=[UserPromptPart("Hello")])],
            None,
            ModelRequestParameters(function_tools=tools),
        )


def _write(*events: Any) -> str:
    return "".join(
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        if "type" in event
        else f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
        for event in events
    )


def _chunk(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5-mini",
        "choices": choices,
    } | more


def _chat(text: str, finish: str | None, end: str = "data: [DONE]\n\n") -> str:
    return _write(_chunk({"content": text}), _chunk({}, finish), _chunk(usage=_USED)) + end


def _google(text: str, finish: str | None) -> str:
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    return _write(
        {
            "candidates": [candidate | ({"finishReason": finish} if finish else {})],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 13},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "x",
        }
    )


def _anthropic(text: str, stop: str | None) -> str:
    message: dict[str, Any] = {
        "id": "x",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    ended = {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}}
    return _write(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        *([ended | {"usage": {"output_tokens": 3}}, {"type": "message_stop"}] if stop else []),
    )


def _responses(text: str, status: str | None) -> str:
    whole = {
        "id": "x",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-mini",
        "status": "in_progress",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    item = {"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    used = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13} | details
    done = {"type": f"response.{status}", "response": whole | {"status": status, "usage": used}}
    return _write(
        {"type": "response.created", "response": whole},
        {"type": "response.output_item.added", "item": item, "output_index": 0},
        {"type": "response.output_text.delta", "delta": text, "logprobs": [], **place},
        *([done] if status else []),
    )


_WRITERS: dict[str, Callable[[str, str | None], str]] = {
    "chat": _chat,
    "responses": _responses,
    "anthropic": _anthropic,
    "google": _google,
}
_ENDS = {"chat": "stop", "responses": "completed", "anthropic": "end_turn", "google": "STOP"}
_TEXT = "größer\u2028in zwei\u2029drei\x85Zeilen 🎪"


@pytest.mark.parametrize("kind", _MODELS)
def test_whatever_letters_a_text_has_it_is_told_and_kept_as_it_is(kind: str, speech: Speech) -> None:
    found = _ask(kind, _WRITERS[kind](_TEXT, _ENDS[kind]))
    assert isinstance(found, ModelResult), found
    assert (found.text, "".join(speech._said)) == (_TEXT, _TEXT)
    assert (found.input_tokens, found.output_tokens, found.cost_micro_usd) == (10, 3, 16)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_letters_are_told_alike_wherever_they_are_cut(size: int) -> None:
    said, told, kept = f"{_TEXT}Ââ€â\u2027".encode(), b"", b""
    for start in range(0, len(said), size):
        piece, kept = http._escape(kept + said[start : start + size])
        told += piece
    assert json.loads(b'"' + told + kept + b'"') == said.decode()
    assert len((told + kept).decode().splitlines()) == 1


@pytest.mark.parametrize("kind", _MODELS)
def test_half_of_an_answer_is_none(kind: str) -> None:
    body = _chat("half", None, end="") if kind == "chat" else _WRITERS[kind]("half", None)
    found = _ask(kind, body)
    assert isinstance(found, Failed), found
    assert (found.kind, found.error_class) == (FailureKind.TRANSIENT, "agents.errors.TransientError")
    assert "write 'stream': False for it" in found.message


@pytest.mark.parametrize(
    ("kind", "end", "told"),
    [
        ("chat", "eos", ""),
        ("chat", "insufficient_system_resource", ""),
        ("chat", None, "stop"),  # but ended as OpenAI ends streams
        ("anthropic", "a_word_of_tomorrow", ""),
        ("anthropic", "pause_turn", ""),
        ("google", "OTHER", ""),
        ("google", "FINISH_REASON_UNSPECIFIED", ""),
    ],
)
def test_an_answer_is_whole_in_whichever_words_its_end_is_told(kind: str, end: str | None, told: str) -> None:
    found = _ask(kind, _WRITERS[kind]("whole", end))
    assert isinstance(found, ModelResult), found
    assert (found.text, found.finish_reason, found.cost_micro_usd) == ("whole", told, 16)


@pytest.mark.parametrize(
    "usages",
    [
        [{"prompt_tokens": 10, "completion_tokens": n, "total_tokens": 10 + n} for n in (1, 2, 3, 3)],
        [None, _USED, None],
        [dict.fromkeys(_USED, 0), _USED],
        [_USED, dict.fromkeys(_USED, 0)],
    ],
)
def test_what_was_used_counts_once_wherever_and_how_often_it_is_told(usages: Sequence[Any]) -> None:
    chunks = [_chunk({"content": "a"}, usage=used) for used in usages]
    found = _ask("chat", _write(*chunks, _chunk({}, "stop")))
    assert isinstance(found, ModelResult), found
    assert (found.input_tokens, found.output_tokens, found.cost_micro_usd) == (10, 3, 16)


def _piece(index: int | None, call_id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    piece = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {name: value for name, value in {"index": index, **piece}.items() if value is not None}


_FIRST, _SECOND = ("look", {"q": 1}), ("look", {"q": 2})


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([(0, "a", "look", '{"q"'), (1, "b", "look", '{"q":'), (0, None, None, ":1}"), (1, None, None, "2}")], 2),
        ([(0, "a", "look", '{"q":1}'), (0, "b", "look", '{"q":2}')], 2),
        ([(0, "a", "look", '{"q":1}'), (0, "a", "look", '{"q":2}')], 2),
        ([(0, None, "look", '{"q":1}'), (0, None, "look", '{"q":2}')], 2),
        ([(None, "a", "look", '{"q":1}'), (None, "b", "look", '{"q":2}')], 2),
        ([(0, "a", "look", '{"q"'), (0, "a", "look", ":1}"), (0, "a", "look", "")], 1),
        ([(0, "a", "lo", None), (0, None, "ok", None), (0, None, None, '{"q":1}')], 1),
    ],
    ids=["in turn", "one index", "one index and id", "no ids", "no index", "name with each", "name in parts"],
)  # fmt: skip
def test_calls_are_told_apart_however_they_are_numbered(pieces: Sequence[Any], calls: int) -> None:
    chunks = [_chunk({"tool_calls": [_piece(*piece)]}) for piece in pieces]
    found = _ask("chat", _write(*chunks, _chunk({}, "tool_calls")))
    assert isinstance(found, ModelResult), found
    assert [(call.name, call.arguments) for call in found.tool_calls] == [_FIRST, _SECOND][:calls]
