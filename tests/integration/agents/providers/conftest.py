"""Models over the loopback interface, with the real clients."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from agents.domain.classification import describe_failure
from agents.domain.invocation import Failed
from agents.domain.model_result import ModelResult
from agents.model_server import ModelServer, Reply
from agents.providers import build_model, normalise

PRICE = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
Ask = Callable[..., ModelResult | Failed]


@contextmanager
def models(**entries: Any) -> Iterator[None]:
    with override_settings(RINGMASTER={"MODELS": entries}):
        yield


async def request(
    name: str, *, streamed: bool = False, tools: tuple[str, ...] = (), said: str = "Hello"
) -> Any:
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    model = build_model(name)
    messages: list[Any] = [ModelRequest(parts=[UserPromptPart(said)])]
    parameters = ModelRequestParameters(function_tools=[ToolDefinition(name=tool) for tool in tools])
    if not streamed:
        return await model.request(messages, None, parameters)
    async with model.request_stream(messages, None, parameters) as stream:
        async for _ in stream:
            pass
        return stream.get()


def ask(name: str = "fast", **how: Any) -> ModelResult | Failed:
    """Return what a call of a model comes to: a row or a failure."""
    try:
        return normalise(asyncio.run(request(name, **how)))
    except Exception as error:  # noqa: BLE001 - that is what is looked at
        return describe_failure(error, "test.agent", 1, now=datetime.now(UTC))


@pytest.fixture
def serve() -> Iterator[Callable[..., ModelServer]]:
    """Start a server with these replies, and name it `fast`."""
    opened: list[Any] = []

    def start(*replies: Reply, **entry: Any) -> ModelServer:
        server = ModelServer(replies).__enter__()
        opened.append(server)
        named = models(fast={"model": "openai:scripted", "base_url": server.url, "price": PRICE, **entry})
        named.__enter__()
        opened.append(named)
        return server

    yield start
    for each in reversed(opened):
        each.__exit__(None, None, None)
