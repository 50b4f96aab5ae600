"""Lets a model answer piece by piece where somebody may watch, and tells the pieces; the answer is the same.

The request stays one call of the journal, under the same name, whether it is streamed or not: an attempt in a worker
that streams goes on where one in a worker that does not left off. What is kept is the whole answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from agents.deltas import Speech, begin_speech
from agents.domain.invocation import Task
from agents.errors import ModelUnknown, TransientError
from agents.providers import find_spec

_SPEECH: Final[ContextVar[Speech | None]] = ContextVar("agents_model_speech", default=None)
"""Where the answer to the request of this context is told; None: nowhere, and it is not streamed."""


class Stage:
    """One call of a model, as far as it is told live: from when it has begun to when its row is written.

    Args: task: the attempt that makes it.  model: by the name of settings.
    """

    def __init__(self, task: Task, model: str) -> None:
        self._task, self._model = task, model
        self._speech: Speech | None = None

    @contextmanager
    def enter(self, call: int) -> Iterator[None]:
        """Let what is asked in this context be told. Args: call: id of its row; 0: it has none."""
        if call and _may_stream(self._model):
            self._speech = begin_speech(self._task.run_id, call, self._task.attempt)
        token = _SPEECH.set(self._speech)
        try:
            yield
        finally:
            _SPEECH.reset(token)

    def leave(self) -> None:
        """Say that the call has ended, however it did."""
        if self._speech is not None:
            self._speech.end()


@contextmanager
def on_stage(task: Task, model: str) -> Iterator[Stage]:
    """Let a call be told until it has ended: whoever hears of that finds its row written."""
    stage = Stage(task, model)
    try:
        yield stage
    finally:
        stage.leave()


def _may_stream(model: str) -> bool:
    try:
        return find_spec(model).stream
    except ModelUnknown:  # one that a test or the agent itself brings
        return True


class StreamingModel(WrapperModel):
    """Asks a model for a stream where its answer is told, and gives the answer when it is whole."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Return the whole answer."""
        speech = _SPEECH.get()
        if speech is None or not _can_stream(self.wrapped):
            return await self.wrapped.request(messages, model_settings, model_request_parameters)
        ear = _Ear(speech, model_request_parameters)
        async with self.wrapped.request_stream(messages, model_settings, model_request_parameters) as stream:
            async for event in stream:
                ear.hear(event)
        # Read behind the stream's end, for what closing it filled in.
        response = stream.get()
        _refuse_cut_off(response, self.wrapped)
        return response


def _can_stream(model: Model) -> bool:
    if isinstance(model, WrapperModel):
        return _can_stream(model.wrapped)
    if isinstance(model, FunctionModel):
        return (
            model.stream_function is not None
            or type(model).request_stream is not FunctionModel.request_stream
        )
    return type(model).request_stream is not Model.request_stream


class _Ear:
    """Tells texts, the arguments that are an agent's structured output, and the names of other tools."""

    def __init__(self, speech: Speech, parameters: ModelRequestParameters) -> None:
        self._speech = speech
        self._outputs = {tool.name for tool in parameters.output_tools}
        self._telling: set[int] = set()

    def hear(self, event: ModelResponseStreamEvent) -> None:
        match event:
            case PartStartEvent(index=index, part=TextPart(content=text)):
                self._speech.say(text if index not in self._telling else "")
                self._telling.add(index)
            case PartStartEvent(index=index, part=ToolCallPart() as call) if call.tool_name in self._outputs:
                self._telling.add(index)
                self._speech.say(call.args_as_json_str() if call.args else "")
            case PartStartEvent(part=ToolCallPart(tool_name=name)):
                self._speech.want_tool(name)
            case PartDeltaEvent(index=index, delta=TextPartDelta(content_delta=text)) if (
                index in self._telling
            ):
                self._speech.say(text)
            case PartDeltaEvent(index=index, delta=ToolCallPartDelta(args_delta=str(text))) if (
                index in self._telling
            ):
                self._speech.say(text)
            case _:
                pass


def _refuse_cut_off(response: ModelResponse, model: Model) -> None:
    """Take no half of an answer for a whole one; why a whole one ended, a provider may tell in words of its own.

    Raises: TransientError: the stream ended, and the model had not said that it is done.
    """
    is_told = response.finish_reason is not None or "finish_reason" in (response.provider_details or {})
    if response.state == "suspended":  # it is asked how far it came
        return
    if response.state == "incomplete" or (model.provider is not None and not is_told):
        raise TransientError(
            "the stream of the model's answer ended before the model said that it was done; if its server never says "
            "so, write 'stream': False for it in RINGMASTER['MODELS']"
        )
