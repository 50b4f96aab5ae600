"""Builds Google's models, by its Gemini API."""

from __future__ import annotations

from google.genai.types import HttpRetryOptions
from pydantic_ai.models import Model
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.settings import ModelSettings

from agents.domain.model_specs import ModelSpec
from agents.providers.answers import AnswerReader
from agents.providers.http import make_client


def build(spec: ModelSpec, key: str, settings: ModelSettings) -> Model:
    """Return the model of an entry."""
    provider = GoogleProvider(
        api_key=key,
        base_url=spec.url,
        http_client=make_client(spec.timeout_seconds),
        retry_options=HttpRetryOptions(attempts=1),
    )
    return GeminiModel(spec.model, provider=provider, settings=settings)


class GeminiModel(AnswerReader, GoogleModel):
    """Gemini, of whose answers one that is none is told as such."""
