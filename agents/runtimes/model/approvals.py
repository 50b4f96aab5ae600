"""Calls of tools that need a person: all that a model wants at once are one ticket, and its decision is their answer.

It shows each call with its arguments and effects, and is bound to them and to the agent's version: with others in their
place it goes to a person by the rule `journal_diverged`, and nothing is called. The arguments are those that validators
and hooks of the agent made of what the model wrote; what they make of them once more, when the tool is called, must be
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied
from pydantic_core import to_jsonable_python

from agents.domain.contract import AgentContract
from agents.domain.invocation import Task
from agents.domain.waiting import DecidedCall, WantedCall, wait_for_approval
from agents.errors import CallDiverged, CallRefused

NESTED: Final = (
    "'{tool}' of the agent '{name}' needs a person's approval, and an agent inside a tool can't hold one: make that "
    "agent a step of its own"
)
_EXTERNAL: Final = (
    "'{tool}' of the agent '{name}' leaves its result to somebody outside, which can't be kept: let it require "
    "approval, or make what waits a step of its own"
)


_OTHER: Final = (
    "a person approved '{tool}' with other arguments than those with which the agent's hooks would have it called now; "
    "nothing was called: let the hooks make the same of what they made before"
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of an attempt's calls of tools, by agent and id of the call.

    Attributes: made: what validators and hooks made of what the model wrote.  approved: with which a person let it go.
    """

    made: dict[tuple[str, str], Any] = field(default_factory=dict)
    approved: dict[tuple[str, str], Any] = field(default_factory=dict)


ARGUMENTS: Final[ContextVar[Arguments | None]] = ContextVar("agents_model_arguments", default=None)


def note_arguments(name: str, call_id: str, arguments: Mapping[str, Any]) -> None:
    """Keep what the hooks of the agent of this name made of a call's arguments: that is what a person is shown."""
    known = ARGUMENTS.get()
    if known is not None:
        known.made[name, call_id] = to_jsonable_python(dict(arguments), fallback=str)


def refuse_other_arguments(name: str, path: str, tool: str, call_id: str | None, arguments: object) -> None:
    """Refuse to call a tool otherwise than a person approved it.

    Raises: CallDiverged.
    """
    known = ARGUMENTS.get()
    # Taken away: a server may give the same id to a later call, which nobody was asked about.
    approved = known.approved.pop((name, call_id or ""), None) if known is not None else None
    if approved is not None and not _is_same(approved, to_jsonable_python(arguments, fallback=str)):
        raise CallDiverged(path, _OTHER.format(tool=tool))


def _is_same(one: Any, other: Any) -> bool:
    """Compare two JSON values as a tool reads them: a person may write a number as text, or a moment in another way."""
    match one, other:
        case Mapping(), Mapping():
            return one.keys() == other.keys() and all(
                _is_same(each, other[name]) for name, each in one.items()
            )
        case list(), list():
            return len(one) == len(other) and all(map(_is_same, one, other))
        case (bool() | None, _) | (_, bool() | None):
            return one is other
        case str(), str():
            return one == other or _is_one(_read_moment, one, other)
        case ((str() | int() | float()), (str() | int() | float())):
            # The row keeps 249.0 as 249, which is the same number.
            return _is_one(Decimal, str(one), str(other))
        case _:
            return bool(one == other)


def _is_one(read: Callable[[str], object], one: str, other: str) -> bool:
    try:
        return read(one) == read(other)
    except (ValueError, InvalidOperation):
        return False


def _read_moment(text: str) -> datetime:
    if text[4:5] != "-":
        raise ValueError  # digits alone are a number of something, and each is its own
    return datetime.fromisoformat(text)


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
    wanted = [_describe(contract, name, wish, ctx) for wish in requests.approvals]
    decided: list[DecidedCall] = await wait_for_approval(task.calls, wanted, contract.version)
    known = ARGUMENTS.get()
    if known is not None:
        known.approved.update(((name, each.call_id), each.arguments) for each in decided if each.approve)
    return requests.build_results(approvals={each.call_id: _read_decision(each) for each in decided})


def _describe(contract: AgentContract, name: str, wish: ToolCallPart, ctx: RunContext[Any]) -> WantedCall:
    """Return a call as people see it; where its tool says nothing of effects, the agent's are told."""
    tool = ctx.tools.get(wish.tool_name)
    said = (tool.metadata if tool is not None else None) or {}
    known = ARGUMENTS.get()
    made = known.made.get((name, wish.tool_call_id)) if known is not None else None
    return WantedCall(
        call_id=wish.tool_call_id,
        tool=wish.tool_name,
        arguments=wish.args_as_dict() if made is None else made,
        effects=tuple(map(str, said.get("effects", contract.effects))),
        reversible=bool(said.get("reversible", contract.reversible)),
    )


def _read_decision(decided: DecidedCall) -> ToolApproved | ToolDenied:
    if decided.approve:
        return ToolApproved(override_args=decided.arguments)
    return ToolDenied(decided.message)
