"""Exchanges that others recorded with real providers, replayed to the real clients through `build_model`.

RECORDED_EXCHANGES names a folder of YAML files in VCR's form; without it there are none to replay, and the project's
own recordings stand alone. The recorded request is sent again, and the recorded answer given; what becomes of it is
held against the answer by readers of our own.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from agents.domain.classification import describe_failure
from agents.domain.failure_kinds import FailureKind
from agents.domain.invocation import Failed
from agents.domain.model_result import ModelResult
from agents.providers import build_model, normalise
from tests.integration.agents.providers.conftest import PRICE, models
from tests.integration.agents.providers.replaying import Answer, Replayer

_KINDS = {
    "/chat/completions": "openai-chat",
    "/responses": "openai-responses",
    "/v1/messages": "anthropic",
    ":generateContent": "google",
    ":streamGenerateContent": "google",
}
_KEPT_HEADERS = {"content-type", "retry-after", "retry-after-ms", "date", "x-should-retry"}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. `kind`: which client speaks like that; empty if none of ours does."""

    name: str
    kind: str
    path: str
    request: Mapping[str, Any]
    answer: Answer

    @property
    def is_streamed(self) -> bool:
        return bool(self.request.get("stream")) or "streamGenerate" in self.path

    @property
    def model(self) -> str:
        named = unquote(self.path).rpartition("/")[2].partition(":")[0]
        return named if self.kind == "google" else str(self.request.get("model", "?"))


def _read_exchanges() -> Iterator[Exchange]:
    folder = os.environ.get("RECORDED_EXCHANGES")
    for file in sorted(Path(folder).glob("*.yaml")) if folder else ():
        interactions = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["interactions"]
        for number, each in enumerate(interactions, 1):
            yield _read_exchange(f"{file.stem}-{number}", each)


def _read_exchange(name: str, said: Mapping[str, Any]) -> Exchange:
    request, answer = said["request"], said["response"]
    path = urlsplit(request["uri"]).path
    is_call = request["method"].upper() == "POST"
    kind = next((kind for end, kind in _KINDS.items() if path.endswith(end)), "") if is_call else ""
    headers = {
        key.lower(): value[0] for key, value in answer["headers"].items() if key.lower() in _KEPT_HEADERS
    }
    body = answer["parsed_body"] if "parsed_body" in answer else answer["body"]["string"]
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    return Exchange(
        name=name,
        kind=kind,
        path=path,
        request=_read_request(request) if kind else {},
        answer=Answer(answer["status"]["code"], body if isinstance(body, bytes) else body.encode(), headers),
    )


def _read_request(request: Mapping[str, Any]) -> Mapping[str, Any]:
    body = request["parsed_body"] if "parsed_body" in request else json.loads(request["body"])
    assert isinstance(body, dict)
    return body


EXCHANGES = {exchange.name: exchange for exchange in _read_exchanges()}
OURS = {name: exchange for name, exchange in EXCHANGES.items() if exchange.kind}


def test_how_many_there_are(record_testsuite_property: Any) -> None:
    """Say so in the report; a folder that is named and holds next to nothing was named wrongly."""
    record_testsuite_property("exchanges", len(EXCHANGES))
    record_testsuite_property("replayed", len(OURS))
    assert len(OURS) >= (100 if "RECORDED_EXCHANGES" in os.environ else 0)


def _replay(exchange: Exchange) -> tuple[ModelResult | Failed, Mapping[str, Any]]:
    """Return what became of an exchange, and the body that was sent for it."""
    with Replayer([exchange.answer]) as server:
        entry = {"model": f"{exchange.kind}:{exchange.model}", "base_url": server.url, "price": PRICE}
        with models(replayed=entry):
            found = asyncio.run(_ask(exchange))
    assert len(server.requests) == 1, found
    return found, server.requests[0][1]


async def _ask(exchange: Exchange) -> ModelResult | Failed:
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models import ModelRequestParameters

    model: Any = build_model("replayed")
    settings: Any = {"extra_body": exchange.request}
    if exchange.kind == "google":
        model.client._api_client._http_options.extra_body = exchange.request
        settings = {}
    messages: list[Any] = [ModelRequest(parts=[UserPromptPart("replaced by what was recorded")])]
    try:
        if not exchange.is_streamed:
            return normalise(await model.request(messages, settings, ModelRequestParameters()))
        async with model.request_stream(messages, settings, ModelRequestParameters()) as stream:
            async for _ in stream:
                pass
            return normalise(stream.get())
    except Exception as error:  # noqa: BLE001 - that is what is looked at
        return describe_failure(error, "test.agent", 1, now=datetime.now(UTC))


def _holds(sent: Any, recorded: Any) -> bool:
    """Return whether what was sent says at least what was recorded."""
    if isinstance(recorded, Mapping) and isinstance(sent, Mapping):
        return all(name in sent and _holds(sent[name], value) for name, value in recorded.items())
    return bool(sent == recorded)


@dataclass(frozen=True)
class Facts:
    """What an answer says, read without any client."""

    response_id: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    tools: tuple[str, ...]


def _read_facts(exchange: Exchange) -> Facts:
    text = exchange.answer.body.decode()
    if exchange.is_streamed:
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
        parts = [json.loads(line) for line in lines if line != "[DONE]"]
    else:
        parts = [json.loads(text)]
    return _READERS[exchange.kind](parts)


def _read_chat(parts: list[Any]) -> Facts:
    usage = next(part["usage"] for part in reversed(parts) if part.get("usage"))
    said = [choice.get("message") or choice["delta"] for part in parts for choice in part.get("choices", ())]
    calls = [call["function"].get("name") for each in said for call in each.get("tool_calls") or ()]
    return Facts(
        parts[0]["id"],
        parts[0]["model"],
        usage["prompt_tokens"],
        usage["completion_tokens"],
        tuple(filter(None, calls)),
    )


def _read_response(parts: list[Any]) -> Facts:
    whole = parts[-1].get("response", parts[-1])
    usage = whole.get("usage") or {"input_tokens": 0, "output_tokens": 0}
    calls = (item["name"] for item in whole["output"] if item["type"] == "function_call")
    return Facts(whole["id"], whole["model"], usage["input_tokens"], usage["output_tokens"], tuple(calls))


def _read_message(parts: list[Any]) -> Facts:
    [whole] = parts
    usage = whole["usage"]
    taken = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    calls = (block["name"] for block in whole["content"] if block["type"] == "tool_use")
    return Facts(
        whole["id"],
        whole["model"],
        sum(usage.get(name) or 0 for name in taken),
        usage["output_tokens"],
        tuple(calls),
    )


def _read_content(parts: list[Any]) -> Facts:
    usage = parts[-1]["usageMetadata"]
    said = [
        piece
        for part in parts
        for candidate in part["candidates"]
        for piece in candidate.get("content", {}).get("parts", ())
    ]
    return Facts(
        parts[-1].get("responseId", ""),
        parts[-1]["modelVersion"],
        usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
        usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        tuple(piece["functionCall"]["name"] for piece in said if "functionCall" in piece),
    )


_READERS = {
    "openai-chat": _read_chat,
    "openai-responses": _read_response,
    "anthropic": _read_message,
    "google": _read_content,
}
_REFUSALS = {400: FailureKind.BAD_INPUT, 429: FailureKind.RATE_LIMIT}

if OURS:
    # Without a folder there is no such test, rather than one that is skipped.
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of models that have gone since
    @pytest.mark.parametrize("name", OURS)
    def test_it_becomes_its_row_or_its_failure(name: str) -> None:
        exchange = OURS[name]
        found, sent = _replay(exchange)
        assert _holds(sent, exchange.request)
        if exchange.answer.status >= 400:
            assert isinstance(found, Failed)
            assert found.kind is _REFUSALS[exchange.answer.status]
            return
        assert isinstance(found, ModelResult), found
        called = [call.name for call in found.tool_calls]
        if found.data is not None and not called:
            called = [name for name in _read_facts(exchange).tools if name.startswith("final_result")]
        assert _read_facts(exchange) == Facts(
            found.response_id, found.model, found.input_tokens, found.output_tokens, tuple(called)
        )
