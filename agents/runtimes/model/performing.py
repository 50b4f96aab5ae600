"""Builds an agent of pydantic-ai, and performs one attempt with it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.agent.abstract import AbstractAgent
from pydantic_ai.capabilities.abstract import AbstractCapability
from pydantic_ai.durable_exec import replay_scope
from pydantic_core import to_jsonable_python

from agents.domain.catalogue import RegisteredAgent
from agents.domain.invocation import Result, Task
from agents.domain.model_calls import Call
from agents.domain.offers import Built
from agents.errors import AgentRefused
from agents.runtimes.model.approvals import ARGUMENTS, NESTED, Arguments
from agents.runtimes.model.backend import TASK
from agents.runtimes.model.compaction import TOLD, Compaction
from agents.runtimes.model.describing import describe_built, list_tools
from agents.runtimes.model.durability import ArgumentsWitness, RingmasterDurability
from agents.runtimes.model.fetching import Fetching
from agents.runtimes.model.prompts import write_prompt
from agents.runtimes.model.requests import read_most_tokens
from agents.runtimes.threads import ASIDE


@dataclass(frozen=True, slots=True)
class BuiltAgent:
    """An agent that was built. `shown`: what it showed of itself."""

    agent: Agent[Any, Any]
    shown: Built


def build(agent: RegisteredAgent) -> BuiltAgent:
    """Return the agent that an agent's function builds.

    Raises: AgentRefused: it is none, keeps no calls, or wants what can't be.
    """
    name = agent.contract.name
    durable = RingmasterDurability(agent.contract)
    try:
        built = agent.function(_list_capabilities(agent, durable))  # type: ignore[arg-type]  # a builder takes this, not a task
    except NameError as error:
        raise AgentRefused(
            f"agent {name}: {error}; if it stands in a tool's annotation, put the tools into a module of "
            "their own that imports it, and import that inside the function"
        ) from error
    if not isinstance(built, Agent):
        raise AgentRefused(
            f"agent {name}: its function returned {built!r:.80}, not a pydantic_ai.Agent; return the agent it builds"
        )
    if not any(bound is built for bound in durable.bound):
        raise AgentRefused(
            f"agent {name}: its calls would not be kept; build it with what the function is given, "
            "as Agent(..., capabilities=durable)"
        )
    for inner in durable.bound:
        _check_settings(inner, name)
        if inner is not built:
            _refuse_approvals(inner, name)
    return BuiltAgent(built, describe_built(built, [each for each in durable.bound if each is not built]))


def _list_capabilities(
    agent: RegisteredAgent, durable: RingmasterDurability
) -> list[AbstractCapability[Any]]:
    """Return what an agent's function is given: what keeps its calls, and what reads and cuts its context."""
    given = [durable, ArgumentsWitness(agent.contract), Fetching()]
    most = agent.model.context_tokens if agent.model is not None else None
    return given if most is None else [*given, Compaction(most)]


def _check_settings(agent: AbstractAgent[Any, Any], outer: str) -> None:
    """Refuse settings that no request could be made with; those of a function are looked at with each request."""
    try:
        read_most_tokens(getattr(agent, "model_settings", None))
    except AgentRefused as error:
        raise AgentRefused(f"agent {agent.name or outer}: {error}") from None


def _refuse_approvals(agent: AbstractAgent[Any, Any], outer: str) -> None:
    for tool in list_tools(agent):
        if tool.requires_approval:
            raise AgentRefused(NESTED.format(tool=tool.name, name=agent.name or outer))


async def perform(agent: RegisteredAgent, built: BuiltAgent, task: Task) -> Result:
    """Let an agent answer a task.

    Raises: Exception: whatever the agent's tools, the library, or the model's provider, raise.
    """
    details = agent.model
    prompt = write_prompt(task) if details is None or details.prompt is None else details.prompt(task)
    token, made, told = TASK.set(task), ARGUMENTS.set(Arguments()), TOLD.set({})
    try:
        with replay_scope(), _take_threads():
            done = await built.agent.run(prompt, deps=Call(task))
    finally:
        TOLD.reset(told)
        ARGUMENTS.reset(made)
        TASK.reset(token)
    output = done.output if isinstance(done.output, BaseModel) else to_jsonable_python(done.output)
    return Result(output, confidence=_find_confidence(details.confidence if details else None, output))


def _take_threads() -> AbstractContextManager[None]:
    """Let tools that are no coroutines run where an agent's other work beside its loop does.

    The library's own threads keep their connections to the database as long as the process lives.
    """
    aside = ASIDE.get()
    return nullcontext() if aside is None else Agent.using_thread_executor(aside)


def _find_confidence(field: str | None, output: object) -> float | None:
    if field is None:
        return None
    return output.get(field) if isinstance(output, dict) else getattr(output, field, None)
