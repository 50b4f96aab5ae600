"""Asks a model one tiny question, to see whether it can be asked at all. Importing this loads pydantic-ai."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from agents.domain.model_result import ModelResult
from agents.providers.building import build_model
from agents.providers.results import normalise

QUESTION: Final = "Answer with the one word: ready"
_MOST_TOKENS: Final = 64
_PATIENCE_SECONDS: Final = 60.0


def ask(name: str) -> ModelResult:
    """Return what a model answered to a tiny question; it costs a few tokens.

    Raises: Exception: as of `build_model`, and whatever the client raises.
    """
    return asyncio.run(_ask(name))


async def _ask(name: str) -> ModelResult:
    model = build_model(name)
    began = time.monotonic()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        response = await model.request(
            [ModelRequest(parts=[UserPromptPart(QUESTION)])],
            {**(model.settings or {}), "max_tokens": _MOST_TOKENS},
            ModelRequestParameters(),
        )
    return normalise(response, latency_ms=round((time.monotonic() - began) * 1000), name=name)
