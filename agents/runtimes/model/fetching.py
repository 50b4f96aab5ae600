"""The tool by which a model reads again what it was handed in short; offered only where something was."""

from __future__ import annotations

import copy
from typing import Any, Final

from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.agent.abstract import AbstractAgent
from pydantic_ai.capabilities.abstract import AbstractCapability
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import Tool, ToolDefinition
from pydantic_ai.toolsets import FunctionToolset

from agents.domain.calling import carry_awaited
from agents.domain.reading_back import FETCH, check_limit
from agents.errors import CallRefused
from agents.runtimes.model.backend import TASK
from agents.runtimes.model.describing import CONTEXT_TOOLS, has_unknown_tools, list_tools

_MOST_RETRIES: Final = 5
"""So often in a row a model may ask for what it can't have; each time it is told why."""
_OURS: Final = {"context": True}


class Fetching(AbstractCapability[Any]):
    """Offers `fetch` to an agent while it works for an attempt that was handed something in short.

    Not to an agent inside a tool, which was handed nothing, and not where a tool of the agent's own has that name, or
    may have: two of one name can't be offered.
    """

    def __init__(self) -> None:
        # Without one each run of the agent would give it another, which is part of what a model is asked.
        self.id = CONTEXT_TOOLS
        self._agent: AbstractAgent[Any, Any] | None = None

    def for_agent(self, agent: AbstractAgent[Any, Any]) -> AbstractCapability[Any]:
        """Return the capability for an agent that is being built."""
        named = copy.copy(self)
        named._agent = agent  # noqa: SLF001 - a copy of its own
        return named

    def get_toolset(self) -> FunctionToolset[Any]:
        """Return the tool."""
        tool = Tool(
            fetch,
            name=FETCH,
            takes_ctx=False,
            prepare=self._offer,
            max_retries=_MOST_RETRIES,
            metadata=_OURS,
        )
        return FunctionToolset([tool], id=CONTEXT_TOOLS)

    async def _offer(self, _ctx: RunContext[Any], tool: ToolDefinition) -> ToolDefinition | None:
        task, agent = TASK.get(), self._agent
        if task is None or agent is None or not task.context.is_shortened or task.calls.find_prefix():
            return None
        is_taken = has_unknown_tools(agent) or any(each.name == FETCH for each in list_tools(agent))
        return None if is_taken else tool

    async def after_tool_execute(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 - the interface
        *,
        call: ToolCallPart,  # noqa: ARG002
        tool_def: ToolDefinition,
        args: dict[str, Any],
        result: Any,
    ) -> Any:
        """Note what was read: by this attempt, or by one before it whose call is answered now."""
        task = TASK.get()
        if task is not None and tool_def.metadata == _OURS:
            await carry_awaited(
                lambda: task.context.note_fetched(args["of"], args.get("pointer", ""), result)
            )
        return result


async def fetch(of: str, pointer: str = "", limit: int = 500) -> dict[str, Any]:
    """Read a part of an original of which you were handed only a summary.

    Args:
        of: the digest that stands as "of" beside the summary.
        pointer: JSON pointer to the part, such as /rows/3; empty for all of it.
        limit: at most so many tokens: of a longer text, list or object the beginning comes, and is_whole is false.
    """
    task = TASK.get()
    assert task is not None  # noqa: S101 - offered only inside a step
    try:
        check_limit(limit)
        return await carry_awaited(lambda: task.context.fetch(of, pointer, limit))
    except CallRefused as error:
        raise ModelRetry(str(error)) from error
