"""What makes an agent of pydantic-ai keep its calls in the journal of the step that it works for."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic_ai import RunContext
from pydantic_ai.agent.abstract import AbstractAgent
from pydantic_ai.capabilities.abstract import AbstractCapability, CapabilityOrdering
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    DurabilityEngineSpec,
    conversation_id_from_run_id,
)
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import Model, ModelResolutionContext
from pydantic_ai.output import OutputContext
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolDefinition

from agents.domain.contract import AgentContract
from agents.domain.scripts import Script
from agents.errors import UnreadableOutput
from agents.providers import build_model
from agents.runtimes.model.approvals import ask_people, note_arguments
from agents.runtimes.model.backend import TASK, JournalBackend
from agents.runtimes.model.keeping import refuse_unkept
from agents.runtimes.model.names import find_override
from agents.runtimes.model.scripted import make_model
from agents.runtimes.model.streaming import StreamingModel


class RingmasterDurability(BaseDurabilityCapability[Any]):
    """Keeps an agent's requests to models and its calls of tools in the journal of its step.

    Outside a step, as in a unit test of the agent alone, it does nothing.

    Args: contract: of whose builder is given it; an agent that is built under no name of its own keeps its calls under
        this one's.
    Attributes: bound: every agent that was built with it.
    """

    engine_spec: ClassVar = DurabilityEngineSpec(
        engine_name="Ringmaster",
        durable_unit_noun="call",
        durable_container_noun="step",
        codec=JSON_CODEC,
        serialization_failure=lambda error: UnreadableOutput(
            "", f"what a call answered can't be kept: {error}"
        ),
        wrapped_toolset_kinds=frozenset({"function", "mcp", "dynamic"}),
        toolset_lifecycles={
            "function": "enter-always",
            "mcp": "enter-in-durable-unit",
            "dynamic": "enter-never",
        },
    )

    def __init__(self, contract: AgentContract) -> None:
        super().__init__()
        self._contract = contract
        self.bound: list[AbstractAgent[Any, Any]] = []

    def for_agent(self, agent: AbstractAgent[Any, Any]) -> AbstractCapability[Any]:
        """Return the capability for an agent that is being built."""
        named = copy.copy(self)
        named.name = agent.name or self._contract.name
        self.bound.append(agent)
        return super(RingmasterDurability, named).for_agent(agent)

    @property
    def in_durable_context(self) -> bool:
        """Return whether a step is being worked at here."""
        return TASK.get() is not None

    def get_durable_operation_backend(self) -> JournalBackend:
        """Return what carries out this agent's operations."""
        return JournalBackend(self.name, self.default_model_id)

    def get_default_run_id(self) -> str | None:
        """Return the same id in each attempt: of the step's work, and of the call within which an agent runs."""
        task = TASK.get()
        return None if task is None else f"{task.idempotency_key}:{task.calls.find_prefix()}{self.name}"

    def get_default_conversation_id(self, run_id: str) -> str | None:
        """Return the id of a run's conversation."""
        return conversation_id_from_run_id(run_id) if self.in_durable_context else None

    async def get_run_start_time(self, run_id: str) -> datetime | None:
        """Return when a run with a time limit of its own began, in whichever attempt that was."""
        task = TASK.get()
        if task is None:
            return None
        told = await task.once(f"{self.name}.run_start", _tell_time)
        return datetime.fromisoformat(told)

    async def resolve_model_id(self, ctx: ModelResolutionContext[Any], *, model_id: str) -> Model[Any] | None:
        """Return the model of a name of `RINGMASTER["MODELS"]`, or what a test put in its place."""
        known: Model[Any] | None = await super().resolve_model_id(ctx, model_id=model_id)
        if known is not None:
            return known
        given: Script | Model[Any] | None = find_override(model_id)
        if isinstance(given, Script):
            return make_model(model_id, given)
        return build_model(model_id) if given is None else given

    async def after_tool_validate(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any]
    ) -> dict[str, Any]:
        """Let the model choose other arguments than such as can't be kept, before a person or a tool sees them."""
        if self.in_durable_context:
            refuse_unkept("the arguments", args)
        return args

    async def after_output_validate(
        self, ctx: RunContext[Any], *, output_context: OutputContext, output: Any
    ) -> Any:
        """Let the model give another output than one that can't be kept."""
        if self.in_durable_context and not ctx.partial_output:
            refuse_unkept("the output", output)
        return output

    def get_wrapper_model(self, model: Model[Any]) -> Model[Any]:
        """Return the model that a request is sent by: one that tells its answer live where somebody may watch."""
        return StreamingModel(model)

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Let people decide of calls that need approval."""
        task = TASK.get()
        return None if task is None else await ask_people(task, self._contract, self.name, ctx, requests)


class ArgumentsWitness(AbstractCapability[Any]):
    """Notes what all validators and hooks of an agent made of a call's arguments: it stands outside of the others.

    Args: contract: of whose builder is given it.
    """

    def __init__(self, contract: AgentContract) -> None:
        self._contract = contract
        self._name = contract.name

    def get_ordering(self) -> CapabilityOrdering:
        """Return the place from which hooks behind a validation are called last."""
        return CapabilityOrdering(position="outermost")

    def for_agent(self, agent: AbstractAgent[Any, Any]) -> AbstractCapability[Any]:
        """Return the capability for an agent that is being built."""
        named = copy.copy(self)
        named._name = agent.name or self._contract.name  # noqa: SLF001 - a copy of its own
        return named

    async def after_tool_validate(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any]
    ) -> dict[str, Any]:
        """Note the arguments, which are what a person is shown."""
        note_arguments(self._name, call.tool_call_id, args)
        return args


def _tell_time() -> str:
    return datetime.now(UTC).isoformat()
