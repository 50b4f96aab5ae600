"""Models that answer by a script: no provider, no key, and the same answers each time."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel
from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
)
from pydantic_ai.models import CompletedStreamedResponse, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from agents.domain.scripts import Answer, Script, ToolWish
from agents.errors import PermanentError
from agents.runtimes.model.compaction import count_hidden

_WORDS: Final = re.compile(r"\s*\S+\s*\Z|\s*\S+|\s+")


def make_model(name: str, script: Script) -> FunctionModel:
    """Return a model that answers by a script.

    Which answer is due, the messages tell: a run that begins anew, and is answered from its journal so far, goes on
    where the script was.
    """
    usage = RequestUsage(
        input_tokens=script.input_tokens, output_tokens=script.output_tokens, cost=Decimal(script.cost_usd)
    )

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        number = count_hidden(messages)[0] + sum(isinstance(each, ModelResponse) for each in messages)
        return ModelResponse(
            parts=_write_parts(_choose(name, script, messages, number), info, messages),
            usage=usage,
            provider_name="script",
        )

    return ScriptedModel(answer, model_name=name)


class ScriptedModel(FunctionModel):
    """A model that follows a script, and says its answers a word at a time where that is asked for."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - the interface
    ) -> AsyncGenerator[StreamedResponse]:
        """Yield the answer as a stream; it is the same answer."""
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(
            response,
            model_request_parameters=model_request_parameters,
            replay_events=list(_say_word_by_word(response)),
        )


def _say_word_by_word(response: ModelResponse) -> Iterator[ModelResponseStreamEvent]:
    for index, part in enumerate(response.parts):
        if not isinstance(part, TextPart):
            yield PartStartEvent(index=index, part=part)
            continue
        yield PartStartEvent(index=index, part=TextPart(""))
        for word in _WORDS.findall(part.content):
            yield PartDeltaEvent(index=index, delta=TextPartDelta(word))


def _choose(name: str, script: Script, messages: Sequence[ModelMessage], number: int) -> Answer:
    if callable(script.answers):
        return script.answers(messages, number)
    if number < len(script.answers):
        return script.answers[number]
    raise PermanentError(
        f"the script of the model '{name}' has {len(script.answers)} answers, and an agent asks once more: add what it "
        f"shall answer to {_tell_last(messages)}"
    )


def _write_parts(
    answer: Answer, info: AgentInfo, messages: Sequence[ModelMessage]
) -> list[ModelResponsePart]:
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, str):
        return [TextPart(answer)]
    seen = sum(isinstance(part, ToolCallPart) for each in messages for part in each.parts)
    made = count_hidden(messages)[1] + seen
    if isinstance(answer, ToolWish):
        answer = [answer]
    if isinstance(answer, list | tuple) and all(isinstance(each, ToolWish) for each in answer):
        return [
            ToolCallPart(wish.tool, wish.arguments, tool_call_id=f"call_{number}")
            for number, wish in enumerate(answer, made + 1)
        ]
    said = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
    tool = _find_output_tool(info.output_tools, answer)
    if tool is None:
        return [TextPart(json.dumps(said))]
    if tool.outer_typed_dict_key is not None:
        said = {tool.outer_typed_dict_key: said}
    return [ToolCallPart(tool.name, said, tool_call_id=f"call_{made + 1}")]


def _find_output_tool(tools: Sequence[ToolDefinition], answer: Any) -> ToolDefinition | None:
    """Return the tool by which an agent takes its output; of several the one that is named after the output's class."""
    own = [tool for tool in tools if tool.name.endswith(f"_{type(answer).__name__}")]
    return next(iter(own or tools), None)


def _tell_last(messages: Sequence[ModelMessage]) -> str:
    parts = messages[-1].parts if messages else []
    return f"{getattr(parts[-1], 'content', '')!r:.200}" if parts else "it"
