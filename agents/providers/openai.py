"""Builds models that OpenAI's client speaks to: OpenAI, and every server that takes the same requests."""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers import Provider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from agents.domain.model_specs import ModelSpec
from agents.providers.answers import AnswerReader
from agents.providers.chunks import ChatStream
from agents.providers.http import make_client


def build(spec: ModelSpec, key: str, settings: ModelSettings) -> Model:
    """Return the model of an entry."""
    client = AsyncOpenAI(
        api_key=key,
        base_url=spec.url,
        max_retries=0,
        timeout=spec.timeout_seconds,
        http_client=make_client(spec.timeout_seconds),
    )
    # The name tells a server's responses from OpenAI's: what one signed or keeps, the other is never sent.
    provider: Provider[AsyncOpenAI] = (
        OpenAICompatibleProvider(spec.name, openai_client=client)
        if spec.is_compatible
        else OpenAIProvider(openai_client=client)
    )
    kind = ChatModel if spec.takes_chat_completions else ResponsesModel
    return kind(spec.model, provider=provider, settings=settings)


class ResponsesModel(AnswerReader, OpenAIResponsesModel):
    """Responses, of which one that is none is told as such."""


class ChatModel(AnswerReader, OpenAIChatModel):
    """Chat Completions as servers of others write them: some (Mistral's) leave out that a tool call is a function's."""

    @property
    def _streamed_response_cls(self) -> type[ChatStream]:
        return ChatStream

    def _validate_completion(self, response: ChatCompletion) -> Any:
        for choice in response.choices or ():
            for call in choice.message.tool_calls or ():
                if getattr(call, "type", None) is None and hasattr(call, "function"):
                    call.type = "function"
        return super()._validate_completion(response)
