"""Reads a response of pydantic-ai into values of our own, without importing it: whoever has one has done so."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from agents.domain.model_result import ModelResult, ModelToolCall
from agents.domain.reading import read_json
from agents.domain.usage import CallUsage
from agents.errors import UnreadableJson
from agents.providers.prices import price_response

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ToolCallPart

_MOST_TOKENS: Final = 10**9
"""Of each kind in one call. Whoever tells more has not counted; no model takes or gives a hundredth of it."""
OUTPUT_TOOL: Final = "final_result"
"""What the tool is called, or begins with, by whose arguments a model gives structured output."""


def describe_usage(response: ModelResponse, name: str | None = None) -> CallUsage:
    """Return what a response used and cost, as its call's row keeps it.

    Args: name: by which the model was asked, where that is known.

    A provider that tells nothing, zero both in and out, or what no call can use, has not counted: neither tokens nor
    cost are known then. But of an answer that is still being made nothing is told before it is done.
    """
    usage = response.usage
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    is_begun = response.state == "suspended" and not any(counts)
    is_counted = not usage.unmeasured_requests and any(counts[:2]) and all(map(_is_count, counts))
    return CallUsage(
        input_tokens=usage.input_tokens if is_counted else 0 if is_begun else None,
        output_tokens=usage.output_tokens if is_counted else 0 if is_begun else None,
        cache_read_tokens=usage.cache_read_tokens if is_counted else 0,
        cache_write_tokens=usage.cache_write_tokens if is_counted else 0,
        reasoning_tokens=_find_reasoning(usage.output_reasoning_tokens) if is_counted else 0,
        cost_micro_usd=price_response(response, name) if is_counted else 0 if is_begun else None,
        provider=response.provider_name or "",
        model=response.model_name or "",
        response_id=response.provider_response_id or "",
        finish_reason=response.finish_reason or "",
    )


def normalise(response: ModelResponse, latency_ms: int | None = None, name: str | None = None) -> ModelResult:
    """Return a response in the form that is the same for all providers.

    Args: latency_ms: from the request to the whole answer, by whoever made it.  name: as of `describe_usage`.
    """
    calls = response.tool_calls
    outputs = [call for call in calls if call.tool_name.startswith(OUTPUT_TOOL)]
    text, data = response.text or None, None
    if outputs:
        data = _read_arguments(outputs[0])
    elif text is not None and (said := _read_object(text)) is not None:
        text, data = None, said
    return ModelResult(
        text=text,
        data=data,
        tool_calls=tuple(
            ModelToolCall(call.tool_call_id, call.tool_name, _read_arguments(call))
            for call in calls
            if call not in outputs
        ),
        latency_ms=latency_ms,
        **asdict(describe_usage(response, name)),
    )


def _is_count(tokens: object) -> bool:
    return type(tokens) is int and 0 <= tokens <= _MOST_TOKENS


def _find_reasoning(tokens: int | None) -> int:
    """Return how many tokens of the output were reasoning: shown, and never paid for beside it."""
    return tokens if tokens is not None and _is_count(tokens) else 0


def _read_object(text: str) -> Any:
    """Return the JSON object that a text is as a whole; None if it is something else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return read_json(text)
    except UnreadableJson:
        return None


def _read_arguments(call: ToolCallPart) -> Any:
    if not isinstance(call.args, str):
        return call.args or {}
    try:
        return read_json(call.args or "{}")
    except UnreadableJson:
        return call.args
