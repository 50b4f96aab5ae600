"""A model-backed agent that pays for every request and every tool."""

import hashlib
import json
from typing import Any

from agents import Call, model_agent
from tests.chaos.crashapp.journal import note
from tests.chaos.crashapp.points import hit

MODEL_TOOLS = 7
TALKER_TOOLS = 8


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


ROUNDS, SIDES = 2, "ab"


@model_agent("crash.tree", timeout_seconds=60, queue="isolated")
def ask_in_a_tree(durable: Any) -> Any:
    """Ask a model that wants tools called at once, of which some are agents with tools of their own."""
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import RequestUsage

    def respond(*parts: Any) -> ModelResponse:
        return ModelResponse(parts=list(parts), usage=RequestUsage(input_tokens=10, output_tokens=1))

    async def answer(messages: list[Any], _info: Any) -> ModelResponse:
        number = sum(isinstance(each, ModelResponse) for each in messages)
        note("paid", path=f"tree__model.request#{number + 1}")
        if number == ROUNDS:
            return respond(TextPart("done"))
        wishes = [
            ToolCallPart("delegate", {"who": f"{number}{s}"}, tool_call_id=f"d{number}{s}") for s in SIDES
        ]
        return respond(*wishes, ToolCallPart("look", {}, tool_call_id=f"n{number}"))

    async def answer_below(messages: list[Any], _info: Any) -> ModelResponse:
        number = sum(isinstance(each, ModelResponse) for each in messages)
        who = messages[0].parts[0].content
        note("paid", path=f"t.d{who}#1/leaf__model.request#{number + 1}")
        wish = ToolCallPart("look", {}, tool_call_id=f"i{who}")
        return respond(wish if number == 0 else TextPart(f"leaf {who}"))

    leaf = Agent(
        FunctionModel(answer_below, model_name="leaf"), deps_type=Call, capabilities=durable, name="leaf"
    )
    tree = Agent(FunctionModel(answer, model_name="tree"), deps_type=Call, capabilities=durable, name="tree")

    @leaf.tool
    @tree.tool
    async def look(ctx: RunContext[Call]) -> str:
        note("paid", path=ctx.deps.key.split(":", 3)[3])
        return "seen"

    @tree.tool
    async def delegate(ctx: RunContext[Call], who: str) -> str:
        return str((await leaf.run(who, deps=ctx.deps)).output)

    return tree


@model_agent("crash.converser", timeout_seconds=60, queue="isolated", context_tokens=2_000)
def talk_long(durable: Any) -> Any:
    """Ask a model that looks so often that the middle of the conversation is told it in short."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import RequestUsage

    from agents.runtimes.model.compaction import count_hidden
    from agents.runtimes.model.requests import describe_messages

    async def answer(messages: list[Any], _info: Any) -> ModelResponse:
        hidden, _ = count_hidden(messages)
        number = hidden + sum(isinstance(each, ModelResponse) for each in messages)
        asked = json.dumps(describe_messages(messages), sort_keys=True)
        note("told", number=number, hidden=hidden, digest=hashlib.sha256(asked.encode()).hexdigest())
        wish = ToolCallPart("look", {"n": number}, tool_call_id=f"c{number}")
        usage = RequestUsage(input_tokens=10, output_tokens=1)
        return ModelResponse(parts=[wish if number < TALKER_TOOLS else TextPart("done")], usage=usage)

    talker = Agent(
        FunctionModel(answer, model_name="talker"), deps_type=Call, capabilities=durable, name="talker"
    )

    @talker.tool_plain
    def look(n: int) -> str:
        note("looked", number=n)
        return f"The lamp of shelf {n} is broken. " * 20

    return talker


def tell_in_short(value: Any, _allowance_tokens: int) -> tuple[str, str]:
    """Tell a conversation in short, as a function that costs something would."""
    said = json.dumps(value, sort_keys=True)
    note("shortened", digest=hashlib.sha256(said.encode()).hexdigest())
    hit("in_summary", "talk")
    return "Lamps are broken.", "crash.tell@1"
