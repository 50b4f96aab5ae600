"""Builds Anthropic's models."""

from __future__ import annotations

from anthropic import AsyncAnthropic
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.settings import ModelSettings

from agents.domain.model_specs import ModelSpec
from agents.providers.answers import AnswerReader
from agents.providers.http import make_client


def build(spec: ModelSpec, key: str, settings: ModelSettings) -> Model:
    """Return the model of an entry."""
    client = AsyncAnthropic(
        api_key=key,
        base_url=spec.url,
        max_retries=0,
        timeout=spec.timeout_seconds,
        http_client=make_client(spec.timeout_seconds),
    )
    return MessagesModel(spec.model, provider=AnthropicProvider(anthropic_client=client), settings=settings)


class MessagesModel(AnswerReader, AnthropicModel):
    """Messages, of which one that is none is told as such."""
