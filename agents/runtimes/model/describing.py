"""What an agent of pydantic-ai shows of itself once it is built: the models it asks, and its tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_ai.agent.abstract import AbstractAgent
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ApprovalRequiredToolset, CombinedToolset, FunctionToolset
from pydantic_ai.toolsets.wrapper import WrapperToolset

from agents.domain.offers import MOST_EFFECTS, MOST_WORDS, Approval, Built, ToolOffer, cut_all, digest_tool
from agents.runtimes.model.requests import describe_effects

CONTEXT_TOOLS: Final = "ringmaster-context"
"""The toolset by which any agent may read what it was handed in short: none of its own."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A toolset that wraps no other. `is_guarded`: one around it decides by arguments whether a person is asked."""

    toolset: AbstractToolset[Any]
    is_guarded: bool


def describe_built(agent: AbstractAgent[Any, Any], inner: Sequence[AbstractAgent[Any, Any]]) -> Built:
    """Return what is told of an agent. Args: inner: other agents that it was built with, which its tools may run."""
    everybody = [(agent, ""), *((each, each.name or "inner") for each in inner)]
    models = dict.fromkeys(name for each, _ in everybody if (name := _name_model(each)))
    leaves = [(leaf, within) for each, within in everybody for leaf in _list_leaves(each)]
    return Built(
        models=tuple(models),
        tools=tuple(tool for leaf, within in leaves for tool in _describe_tools(leaf, within)),
        has_more=any(not isinstance(leaf.toolset, FunctionToolset) for leaf, _ in leaves),
    )


def has_unknown_tools(agent: AbstractAgent[Any, Any]) -> bool:
    """Return whether an agent has tools that nobody knows before it works, as those of a server."""
    return any(not isinstance(leaf.toolset, FunctionToolset) for leaf in _list_leaves(agent))


def list_tools(agent: AbstractAgent[Any, Any]) -> Iterator[Any]:
    """Yield the tools of an agent that are known before it works."""
    for leaf in _list_leaves(agent):
        if isinstance(leaf.toolset, FunctionToolset):
            yield from leaf.toolset.tools.values()


def _list_leaves(agent: AbstractAgent[Any, Any]) -> list[_Leaf]:
    leaves = (leaf for toolset in agent.toolsets for leaf in _open(toolset, is_guarded=False))
    return [leaf for leaf in leaves if leaf.toolset.id != CONTEXT_TOOLS]


def _open(toolset: AbstractToolset[Any], *, is_guarded: bool) -> Iterator[_Leaf]:
    if isinstance(toolset, CombinedToolset):
        for part in toolset.toolsets:
            yield from _open(part, is_guarded=is_guarded)
    elif isinstance(toolset, WrapperToolset):
        guards = isinstance(toolset, ApprovalRequiredToolset)
        yield from _open(toolset.wrapped, is_guarded=is_guarded or guards)
    else:
        yield _Leaf(toolset, is_guarded)


def _name_model(agent: AbstractAgent[Any, Any]) -> str:
    model = agent.model
    return model if isinstance(model, str) else getattr(model, "model_name", "")


def _describe_tools(leaf: _Leaf, within: str) -> Iterator[ToolOffer]:
    if not isinstance(leaf.toolset, FunctionToolset):
        return
    for tool in leaf.toolset.tools.values():
        definition = tool.tool_def
        said = definition.metadata or {}
        yield ToolOffer(
            name=definition.name[:MOST_WORDS],
            within=within[:MOST_WORDS],
            effects=cut_all(tuple(map(str, said.get("effects", ()))), MOST_EFFECTS),
            reversible=bool(said.get("reversible", True)),
            repeatable=describe_effects(definition)[0],
            approval=_find_approval(definition, is_guarded=leaf.is_guarded),
            digest=digest_tool(
                definition.name, definition.description or "", definition.parameters_json_schema
            ),
        )


def _find_approval(tool: ToolDefinition, *, is_guarded: bool) -> Approval:
    if tool.kind == "unapproved":
        return Approval.ALWAYS
    return Approval.BY_ARGUMENTS if is_guarded else Approval.BY_ITSELF
