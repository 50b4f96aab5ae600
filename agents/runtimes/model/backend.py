"""Carries out what a model-backed agent asks for as calls of the step's journal: begin, body, end.

pydantic-ai hands each request to a model and each call of a tool to a backend, and takes what that returns for the
answer. A call that was done is answered from its row; its body is not run.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BoundDurableOperation,
    DurableOperation,
    DurableOperationId,
    JournalCallableOperationBackend,
    ModelRequestId,
    ResultCodec,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
    record_durable_unit,
)
from pydantic_ai.messages import ModelResponse

from agents.domain.calling import call_awaited
from agents.domain.calls import Begun, CallWish
from agents.domain.invocation import Task
from agents.domain.model_calls import make_under
from agents.domain.usage import CallUsage
from agents.errors import CallDiverged
from agents.providers import describe_usage
from agents.runtimes.model.approvals import refuse_other_arguments
from agents.runtimes.model.keeping import keep_arguments, mend_answer, tell_calls_apart
from agents.runtimes.model.requests import TOOL_RETURN, describe_operation, find_call
from agents.runtimes.model.reserving import reserve
from agents.runtimes.model.streaming import on_stage

ParamsT = TypeVar("ParamsT")
WireT = TypeVar("WireT")
ResultT = TypeVar("ResultT")
_NO_SETTINGS: Final = RoleBasedOperationConfig[None](model=None, event=None, capability=None, tool=None)

TASK: Final[ContextVar[Task | None]] = ContextVar("agents_model_task", default=None)
"""The attempt for which the agent of this context works; None outside any step."""


@dataclass(frozen=True, slots=True)
class _Answer:
    path: str
    payload: object


class JournalBackend(JournalCallableOperationBackend[None]):
    """Keeps what one agent asks for.

    Args: agent_name: part of the names under which operations are kept; another name is another call.
    """

    def __init__(self, agent_name: str, default_model_id: str | None) -> None:
        self._agent_name = agent_name
        super().__init__(agent_name=agent_name, default_model_id=default_model_id, config=_NO_SETTINGS)

    def bind(
        self, operation: DurableOperation[ParamsT, WireT, ResultT]
    ) -> BoundDurableOperation[ParamsT, WireT, ResultT]:
        """Bind an operation so that an answer which can't be read any more is told as such, and nothing made again."""
        return super().bind(replace(operation, result_codec=_Reading(operation.result_codec)))

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: None,  # noqa: ARG002 - the interface
    ) -> object:
        """Return the answer of an operation, from the journal if it was done before."""
        task = TASK.get()
        assert task is not None  # noqa: S101 - asked only inside a step
        asked = describe_operation(operation_id, name, cache_key)
        if isinstance(operation_id, ToolsetCallToolId):
            tool, arguments, call_id = find_call(cache_key)
            refuse_other_arguments(self._agent_name, asked.part, tool, call_id, arguments)
        is_made, is_model = False, isinstance(operation_id, ModelRequestId)
        model = operation_id.model_id if isinstance(operation_id, ModelRequestId) else None

        async def perform(begun: Begun) -> tuple[object, CallUsage | None]:
            nonlocal is_made
            is_made = True
            with make_under(begun.key), stage.enter(begun.row if is_model else 0):
                payload = await body()
            return payload, _read_usage(payload, model) if is_model else None

        with task.calls.take_path(asked.part, None) as path, on_stage(task, asked.name) as stage:
            text = await call_awaited(
                task.calls,
                CallWish(
                    path,
                    asked.kind,
                    asked.name,
                    asked.request_json,
                    asked.is_repeatable,
                    asked.has_effects,
                    TOOL_RETURN,
                ),
                perform,
                reserve(task, operation_id, asked.name, cache_key),
            )
        record_durable_unit(executed=is_made)
        return _Answer(path, json.loads(text))


class _Reading(ResultCodec[ResultT]):
    """Reads and writes answers as a codec does; knows whose they are, and mends what a row can't keep."""

    def __init__(self, codec: ResultCodec[ResultT]) -> None:
        self._codec = codec

    def dump(self, value: ResultT) -> object:
        # Before the codec, which writes null for a number that JSON does not have.
        if isinstance(value, ModelResponse):
            kept = keep_arguments(tell_calls_apart(value))
            return mend_answer(self._codec.dump(kept))  # type: ignore[arg-type]  # what it was
        return self._codec.dump(value)

    def load(self, payload: object) -> ResultT:
        assert isinstance(payload, _Answer)  # noqa: S101 - what `execute` returned
        try:
            return self._codec.load(payload.payload)
        except (ValueError, TypeError, LookupError) as error:
            # As a ValidationError it would be taken for a fault of the model, and the tool be called again.
            raise CallDiverged(payload.path, f"its stored answer can't be read any more: {error}") from error


def _read_usage(payload: object, model: str | None) -> CallUsage:
    response: ModelResponse = JSON_CODEC.load(ModelResponse, payload)
    return describe_usage(response, model)
