"""Streamed Chat Completions as servers of others send them, put right while they come. Importing this loads OpenAI's.

OpenAI numbers the tool calls of an answer, tells id and name of each once, and what was used once, at the end. Others
count each call as the first, repeat id and name with every piece of the arguments, or tell all that was used so far
with every chunk. None may become one call of two, a tool that does not exist, or a multiple of what was used.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

from openai.types.chat import ChatCompletionChunk
from pydantic_ai.models.openai import OpenAIStreamedResponse
from pydantic_ai.usage import RequestUsage

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from agents.providers.http import BODY

_DONE: Final = b"data: [DONE]"


class ChatStream(OpenAIStreamedResponse):
    """An answer that comes in chunks."""

    def _validate_response(self) -> AsyncIterable[ChatCompletionChunk]:
        return _tell_calls_apart(super()._validate_response())

    def _add_usage(self, usage: RequestUsage, *, reported: bool, cumulative: bool = False) -> None:  # noqa: ARG002
        # Whatever was told before is part of it; a chunk that tells of nothing takes nothing back.
        if reported and (usage.has_values() or not self._usage.has_values()):
            super()._add_usage(usage, reported=True, cumulative=True)

    def _missing_finish_reason(self) -> Any:
        # The library takes a stream that just ends for a whole answer. Some servers never say why they are done, and
        # end it as OpenAI does.
        body = self._response.source.response.extensions[BODY]
        return "stop" if _DONE in body.end else None


async def _tell_calls_apart(chunks: AsyncIterable[ChatCompletionChunk]) -> AsyncIterator[ChatCompletionChunk]:
    calls = _Calls()
    async for chunk in chunks:
        for choice in chunk.choices or ():
            for piece in getattr(choice.delta, "tool_calls", None) or ():  # some send no delta at all
                calls.put_right(piece)
        yield chunk


class _Calls:
    """The tool calls of an answer so far."""

    def __init__(self) -> None:
        self._begun = 0
        self._by_index: dict[int, _Call] = {}

    def put_right(self, piece: Any) -> None:
        """Let a piece say to which call it belongs, by a number of its own, and no name twice."""
        index, function = getattr(piece, "index", None), piece.function
        name = function.name if function is not None else None
        arguments = function.arguments if function is not None else None
        if index is None:  # the library tells these apart by their names
            return
        call = self._by_index.get(index)
        if call is None or call.is_over(piece.id, name, arguments):
            call = self._by_index[index] = _Call(self._begun)
            self._begun += 1
        piece.index = call.number
        call.id = call.id or piece.id
        if name and name == call.name:
            function.name = None
        else:
            call.name += name or ""
        call.arguments += arguments if isinstance(arguments, str) else ""


class _Call:
    """A tool call as far as it was told."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.id: str | None = None
        self.name = self.arguments = ""

    def is_over(self, call_id: str | None, name: str | None, arguments: object) -> bool:
        """Return whether what comes next under its index is another call."""
        if call_id and self.id and call_id != self.id:
            return True
        return bool(name and arguments) and self._is_whole()

    def _is_whole(self) -> bool:
        try:
            return isinstance(read_json(self.arguments), dict)
        except UnreadableJson:
            return False
