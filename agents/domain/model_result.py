"""What came back from a model in one form for all providers, and the JSON Schema of it. Pure.

Beside it a call's row keeps the response as its library wrote it; whoever reads this one needs no library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class ModelToolCall:
    """A tool that the model wants called.

    Attributes:
        id: of this call, to answer it by.
        name: of the tool.
        arguments: what the model wrote as JSON; its text as it came, if that is no JSON.
    """

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One answer of a model.

    Attributes:
        text: what it said; null if it said nothing or gave data.
        data: its structured output, if it gave one.
        tool_calls: what it wants called, in its order.
        finish_reason: `stop`, `length` (cut off), `content_filter`, `tool_call` or `error`; empty if not told.
        input_tokens: all that went in, those of the cache among them; null if the provider did not count.
        output_tokens: all that came out, reasoning among them; null likewise.
        cost_micro_usd: millionths of a US dollar, rounded up; null if not known.
        provider: as its responses name it: `openai`, `anthropic`, `google`, or the name in `MODELS` of another server.
        model: as the provider names what answered, often with a date.
        response_id: the provider's, to ask it about this answer.
        latency_ms: from the request to the whole answer; null if nobody took the time.
    """

    text: str | None
    data: Any
    tool_calls: tuple[ModelToolCall, ...]
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_micro_usd: int | None
    provider: str
    model: str
    response_id: str
    latency_ms: int | None = None


def describe_schema() -> dict[str, Any]:
    """Return the JSON Schema of a `ModelResult`."""
    return TypeAdapter(ModelResult).json_schema()
