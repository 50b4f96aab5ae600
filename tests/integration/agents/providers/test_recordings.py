"""Answers in the formats that providers publish, replayed to their real clients: each becomes a row or a failure."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agents.domain.classification import describe_failure
from agents.domain.invocation import Failed
from agents.domain.model_result import ModelResult
from agents.providers import build_model
from tests.integration.agents.providers.conftest import PRICE, ask, models
from tests.integration.agents.providers.replaying import Answer, Replayer

_FOLDER = Path(__file__).with_name("recordings")
# The file is called as the provider, and says the rest of the address.
_MODELS = {
    "openai_chat": ("openai-chat:gpt-5-mini", "/v1"),
    "openai_responses": ("openai-responses:gpt-5-mini", "/v1"),
    "anthropic": ("anthropic:claude-sonnet-5", ""),
    "google": ("google:gemini-2.5-flash", ""),
}
_RECORDINGS = {
    f"{file}-{recording['name']}": (file, recording)
    for file in _MODELS
    for recording in json.loads((_FOLDER / f"{file}.json").read_text(encoding="utf-8"))
}


def _read_answer(said: dict[str, Any]) -> Answer:
    headers = {"Content-Type": "application/json", **said.get("headers", {})}
    if "events" in said:
        headers["Content-Type"] = "text/event-stream"
        body = "".join(map(_write_event, said["events"]))
    else:
        body = said["text"] if "text" in said else json.dumps(said["body"])
    return Answer(said.get("status", 200), body.encode(), headers, said.get("is_broken_off", False))


def _write_event(event: Any) -> str:
    name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
    return f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n"


def _replay(file: str, recording: dict[str, Any]) -> ModelResult | Failed:
    model, path = _MODELS[file]
    with Replayer([_read_answer(recording["answer"])]) as server:
        with models(fast={"model": model, "base_url": server.url + path, "price": PRICE}):
            found = ask(streamed=recording.get("streamed", False), tools=tuple(recording.get("tools", ())))
        assert len(server.requests) == 1, f"a client tried again by itself, or asked nothing: {found}"
    return found


@pytest.mark.parametrize("name", [name for name, (_, said) in _RECORDINGS.items() if "row" in said])
def test_it_becomes_its_row(name: str) -> None:
    file, recording = _RECORDINGS[name]
    found = _replay(file, recording)
    assert isinstance(found, ModelResult), found
    row = json.loads(json.dumps(asdict(found)))
    assert {field: row[field] for field in recording["row"]} == recording["row"]
    if "cost_micro_usd" not in recording["row"]:
        assert row["cost_micro_usd"] == row["input_tokens"] + 2 * row["output_tokens"]


@pytest.mark.parametrize("name", [name for name, (_, said) in _RECORDINGS.items() if "failure" in said])
def test_it_becomes_its_failure(name: str) -> None:
    file, recording = _RECORDINGS[name]
    found = _replay(file, recording)
    assert isinstance(found, Failed), found
    expected = dict(recording["failure"])
    assert expected.pop("message", "") in found.message
    assert {field: getattr(found, field) for field in expected} == expected
    assert "sk-proj-" not in found.message + found.traceback_tail


@pytest.mark.parametrize("name", [name for name, (_, said) in _RECORDINGS.items() if "agent" in said])
def test_an_agent_that_can_t_use_it_fails_by_kind(name: str) -> None:
    from pydantic_ai import Agent

    file, recording = _RECORDINGS[name]
    model, path = _MODELS[file]
    answer = _read_answer(recording["answer"])
    with (
        Replayer([answer]) as server,
        models(fast={"model": model, "base_url": server.url + path, "price": PRICE}),
        pytest.raises(Exception) as caught,  # noqa: PT011 - which one is asked below
    ):
        asyncio.run(Agent(build_model("fast"), retries=0).run("Hello"))
    assert describe_failure(caught.value, "a", 1).kind == recording["agent"]["kind"]
