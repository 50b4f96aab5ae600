"""A model-backed agent that pays for every request and every tool."""

from typing import Any

from agents import Call, model_agent
from tests.chaos.crashapp.journal import note

MODEL_TOOLS = 7


@model_agent("crash.model", timeout_seconds=60, queue="isolated")
def ask_often(durable: Any) -> Any:
    """Ask a model that wants a tool called as often as it is told, and pay for every request and every tool."""
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import RequestUsage

    async def answer(messages: list[Any], _info: Any) -> ModelResponse:
        number = sum(isinstance(each, ModelResponse) for each in messages)
        note("paid", path=f"asker__model.request#{number + 1}")
        wish = ToolCallPart("look", {"n": number}, tool_call_id=f"c{number}")
        end = TextPart(
            " ".join(
                str(part.content) for m in messages for part in m.parts if part.part_kind == "tool-return"
            )
        )
        usage = RequestUsage(input_tokens=10, output_tokens=1)
        return ModelResponse(parts=[wish if number < MODEL_TOOLS else end], usage=usage)

    asker = Agent(
        FunctionModel(answer, model_name="payer"), deps_type=Call, capabilities=durable, name="asker"
    )

    @asker.tool
    async def look(ctx: RunContext[Call], n: int) -> int:
        note("paid", path=f"t.c{n}#1", call_key=ctx.deps.key)
        return n * n

    return asker
