"""Calls of tools that need a person: all that a model wants at once are one ticket, and its decision is their answer.

It shows each call with its arguments and effects, and is bound to them and to the agent's version: with others in their
place it goes to a person by the rule `journal_diverged`, and nothing is called.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied

from agents.domain.contract import AgentContract
from agents.domain.invocation import Task
from agents.domain.waiting import DecidedCall, WantedCall, wait_for_approval
from agents.errors import CallRefused

NESTED: Final = (
    "'{tool}' of the agent '{name}' needs a person's approval, and an agent inside a tool can't hold one: make that "
    "agent a step of its own"
)
_EXTERNAL: Final = (
    "'{tool}' of the agent '{name}' leaves its result to somebody outside, which can't be kept: let it require "
    "approval, or make what waits a step of its own"
)


async def ask_people(
    task: Task, contract: AgentContract, name: str, ctx: RunContext[Any], requests: DeferredToolRequests
) -> DeferredToolResults:
    """Return what people decided of calls; until they have, the attempt ends and nothing is held.

    Args: name: of the agent that wants them.
    Raises: CallRefused: it runs inside a tool, or waits for something else than an approval.  Suspended.
    """
    if task.calls.find_prefix():
        wish = next(iter((*requests.approvals, *requests.calls)))
        raise CallRefused(NESTED.format(tool=wish.tool_name, name=name))
    for wish in requests.calls:
        raise CallRefused(_EXTERNAL.format(tool=wish.tool_name, name=name))
    wanted = [_describe(contract, wish, ctx) for wish in requests.approvals]
    decided: list[DecidedCall] = await wait_for_approval(task.calls, wanted, contract.version)
    return requests.build_results(approvals={each.call_id: _read_decision(each) for each in decided})


def _describe(contract: AgentContract, wish: ToolCallPart, ctx: RunContext[Any]) -> WantedCall:
    """Return a call as people see it; where its tool says nothing of effects, the agent's are told."""
    tool = ctx.tools.get(wish.tool_name)
    said = (tool.metadata if tool is not None else None) or {}
    return WantedCall(
        call_id=wish.tool_call_id,
        tool=wish.tool_name,
        arguments=wish.args_as_dict(),
        effects=tuple(map(str, said.get("effects", contract.effects))),
        reversible=bool(said.get("reversible", contract.reversible)),
    )


def _read_decision(decided: DecidedCall) -> ToolApproved | ToolDenied:
    if decided.approve:
        return ToolApproved(override_args=decided.arguments)
    return ToolDenied(decided.message)
