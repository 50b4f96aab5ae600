"""What a model is told of a long conversation: its first message and the latest ones as they were, the rest in short.

Only what is sent is changed: the agent's own history stays whole, and each request is made of it anew, so that the same
history gives the same request after a crash. Each summary is of the original messages, never of another summary, and is
kept as a call of the step's journal.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.capabilities.abstract import AbstractCapability
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestContext

from agents.domain.invocation import Task
from agents.domain.reading_back import compact
from agents.runtimes.model.backend import TASK
from agents.runtimes.model.keeping import write_asked
from agents.runtimes.model.requests import count_messages, describe_messages

_SHARE: Final = 8
"""An eighth of the tokens is for what is told in short."""
_HEADING: Final = (
    "What was said and done since, in short ({answers} of your answers, {calls} calls of tools); the latest messages "
    "follow as they were:\n"
)
_HIDDEN: Final = re.compile(
    r"What was said and done since, in short \((\d+) of your answers, (\d+) calls of tools\)"
)
# Of a request: what people and tools said. Other parts say how requests are to be read, and stay.
_SAID: Final = frozenset({"user-prompt", "tool-return", "retry-feedback"})

TOLD: Final[ContextVar[dict[str, str] | None]] = ContextVar("agents_model_told", default=None)
"""What was made in this attempt, by what it is of."""


class Compaction(AbstractCapability[Any]):
    """Keeps what an agent sends to its model within so many tokens, as far as its first message and its latest allow.

    Args: context_tokens: as `model_agent` says.
    """

    def __init__(self, context_tokens: int) -> None:
        self._most = context_tokens

    async def prepare_model_request(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 - the interface
        request_context: ModelRequestContext,
    ) -> ModelRequestContext:
        """Return the request with the middle of a long conversation in short."""
        task, messages = TASK.get(), request_context.messages
        first = messages[0] if messages else None
        # What an agent's own code has cut already may begin with an answer, behind which nothing can be told.
        if task is not None and isinstance(first, ModelRequest):
            allowance = self._most // _SHARE
            cut = find_cut(messages, self._most, allowance)
            if cut > 1:
                told, kept = await _tell_in_short(task, messages[1:cut], allowance)
                request_context.messages = [
                    replace(first, parts=[*first.parts, told, *kept]),
                    *messages[cut:],
                ]
        return request_context


def find_cut(messages: Sequence[ModelMessage], most: int, allowance: int) -> int:
    """Return how many messages are told in short, the first one among them, which is told as it is; 1: none.

    Read from the history alone: at each request that was sent so far the same is decided as when it was sent. When it
    comes to be too long, it is cut so far that half of the room is left, so that most requests begin as the one before.
    """
    sizes = [count_messages([message]) for message in messages]
    cut = 1
    spans: dict[str, tuple[int, int]] = {}
    for place, message in enumerate(messages):
        _note_calls(message, place, spans)
        if not isinstance(message, ModelRequest):
            continue
        told = sizes[0] + (allowance if cut > 1 else 0)
        if told + sum(sizes[cut : place + 1]) > most:
            room = (most - sizes[0] - allowance) // 2
            answers = [each for each in range(max(cut, 2), place) if _may_be_cut(messages[each], each, spans)]
            fitting = (each for each in answers if sum(sizes[each : place + 1]) <= room)
            cut = next(fitting, answers[-1] if answers else cut)
    return cut


def _note_calls(message: ModelMessage, place: int, spans: dict[str, tuple[int, int]]) -> None:
    """Keep from where to where calls of tools reach: to what they returned, or to the end."""
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            spans[part.tool_call_id] = place, sys.maxsize
        elif isinstance(part, ToolReturnPart) and part.tool_call_id in spans:
            spans[part.tool_call_id] = spans[part.tool_call_id][0], place


def _may_be_cut(message: ModelMessage, place: int, spans: Mapping[str, tuple[int, int]]) -> bool:
    """Tell whether what stands before a message may be told in short: it is an answer, and splits no call."""
    is_answer = isinstance(message, ModelResponse)
    return is_answer and not any(called < place <= returned for called, returned in spans.values())


def count_hidden(messages: Sequence[ModelMessage]) -> tuple[int, int]:
    """Return how many answers, and calls of tools, are told in short: where a script is, they say."""
    for part in messages[0].parts if messages else ():
        if isinstance(part, UserPromptPart) and isinstance(part.content, str):
            found = _HIDDEN.match(part.content)
            if found is not None:
                return int(found[1]), int(found[2])
    return 0, 0


async def _tell_in_short(
    task: Task, middle: Sequence[ModelMessage], allowance: int
) -> tuple[UserPromptPart, list[ModelRequestPart]]:
    """Return what was said and done in short, and the parts of requests that say how these are to be read."""
    text = await _ask(task, list(_say(middle)), allowance)
    kept = [
        part
        for message in middle
        if isinstance(message, ModelRequest)
        for part in message.parts
        if part.part_kind not in _SAID
    ]
    answers = [message for message in middle if isinstance(message, ModelResponse)]
    calls = sum(isinstance(part, ToolCallPart) for answer in answers for part in answer.parts)
    return UserPromptPart(_HEADING.format(answers=len(answers), calls=calls) + text), kept


async def _ask(task: Task, said: list[dict[str, Any]], allowance: int) -> str:
    """Return what was said in short; of the same it is asked once in an attempt."""
    said_json = write_asked(said)
    digest = hashlib.sha256(said_json.encode()).hexdigest()
    known = TOLD.get()
    if known is not None and digest in known:
        return known[digest]
    # Counted here as for a worst tokenizer: a quarter is left for what ours counts less.
    told = await compact(task.calls, task.context, said_json, digest, allowance * 3 // 4)
    if known is not None:
        known[digest] = told
    return told


def _say(messages: Sequence[ModelMessage]) -> Iterator[dict[str, Any]]:
    """Yield what was said and done, as plain values."""
    for message in describe_messages(messages):
        for part in message["parts"]:
            match part["part_kind"]:
                case "user-prompt":
                    yield {"asked": part["content"]}
                case "text":
                    yield {"said": part["content"]}
                case "tool-call":
                    yield {"called": part["tool_name"], "with": _read(part.get("args"))}
                case "tool-return":
                    yield {"returned": part.get("content"), "by": part["tool_name"]}
                case "retry-feedback":
                    yield {"refused": part["content"]}
                case _:
                    continue


def _read(args_json: Any) -> Any:
    if not isinstance(args_json, str):
        return args_json
    try:
        return json.loads(args_json)
    except ValueError:
        return args_json
