"""Calls of tools that need a person: all that a model wants at once are one question to people, and one answer.

The question names each call with its arguments, and is bound to them and to the agent's version: asked otherwise than
it was answered, it goes to a person by the rule `journal_diverged`, and nothing is called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied

from agents.domain.canonical import canonical_json
from agents.domain.contract import AgentContract
from agents.domain.invocation import Task
from agents.domain.waiting import wait_for_person
from agents.errors import CallRefused

NESTED: Final = (
    "'{tool}' of the agent '{name}' needs a person's approval, and an agent inside a tool can't hold one: make that "
    "agent a step of its own"
)
_EXTERNAL: Final = (
    "'{tool}' of the agent '{name}' leaves its result to somebody outside, which can't be kept: let it require "
    "approval, or make what waits a step of its own"
)
_KEY: Final = "approval"
_APPROVE, _DENY = "approve", "deny"
_DENIED: Final = "A person denied this call."


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
    forms = {wish.tool_call_id: _write_form(contract, wish, ctx) for wish in requests.approvals}
    question = "May the agent do this?\n" + "\n".join(form["title"] for form in forms.values())
    single = next(iter(forms)) if len(forms) == 1 else None
    form = forms[single] if single is not None else _join(forms)
    answer = await wait_for_person(task.calls, question, form, _KEY)
    decided = {single: answer} if single is not None else answer
    return requests.build_results(approvals={each: _read_decision(decided[each]) for each in forms})


def _write_form(contract: AgentContract, wish: ToolCallPart, ctx: RunContext[Any]) -> dict[str, Any]:
    arguments = wish.args_as_dict()
    text = canonical_json(arguments)
    bound = canonical_json([contract.name, contract.version, wish.tool_name, arguments])
    tool = ctx.tools.get(wish.tool_name)
    return {
        "title": f"{wish.tool_name} {text}"[:1000],
        "$comment": f"sha256:{hashlib.sha256(bound.encode()).hexdigest()}",
        "type": "object",
        "properties": {
            "decision": {"title": "Decision", "enum": [_APPROVE, _DENY]},
            "arguments": {
                **(tool.parameters_json_schema if tool is not None else {"type": "object"}),
                "title": "Other arguments, if it may be done with them",
                "default": arguments,
            },
            "message": {
                "title": "What the agent is told, if it may not",
                "type": "string",
                "maxLength": 4000,
            },
        },
        "required": ["decision"],
        "additionalProperties": False,
    }


def _join(forms: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(forms),
        "required": list(forms),
        "additionalProperties": False,
    }


def _read_decision(said: Mapping[str, Any]) -> ToolApproved | ToolDenied:
    if said["decision"] == _APPROVE:
        return ToolApproved(override_args=said.get("arguments"))
    return ToolDenied(said.get("message") or _DENIED)
