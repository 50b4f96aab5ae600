"""What names a call of a model-backed agent within its step, and what is asked of it, as a row keeps both.

A path is made of what stays the same when the agent runs again: the provider's id of a tool call comes from an answer
that is kept. What differs each time, timestamps and the run's context, is no part of what is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.durable_exec import (
    DurableOperationId,
    ModelRequestId,
    ToolsetCallToolId,
    ToolsetValidateToolArgumentsId,
)
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

from agents.domain.calls import MOST_NAME, CallKind
from agents.domain.canonical import canonical_json
from agents.domain.settings import MOST_COUNT
from agents.errors import AgentRefused, CallRefused, UnreadableOutput
from agents.runtimes.model.keeping import refuse_unkept, write_asked
from agents.runtimes.model.weighing import weigh_files

TOOL_RETURN: Final = ('{"kind":"tool_return","result":', "}")
"""What the library keeps around what a tool returned."""
FORMAT: Final = "pydantic-ai/2"
"""Of requests and answers as rows keep them: the library's major version."""
_RESERVED: Final = str.maketrans("/#[]", "____")
# Of messages and their parts: when they were made, and for which run.
_PASSING: Final = frozenset({"timestamp", "run_id", "conversation_id"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked.

    Attributes: part: names the call under its parent.  name: for people.  request_json: canonical JSON.
    """

    part: str
    kind: CallKind
    name: str
    request_json: str
    is_repeatable: bool = True
    has_effects: bool = False


def describe_operation(operation: DurableOperationId, name: str, key: tuple[object, ...]) -> Asked:
    """Return what one of an agent's operations asks.

    Args: name: of the operation, as the library persists it.  key: what the library says that identifies its work.
    Raises: CallRefused: what is asked can't be kept.  ModelRetry: a tool's arguments, which the model chose, can't be.
    """
    if isinstance(operation, ModelRequestId):
        model = operation.model_id or operation.model_name
        return _ask(name, CallKind.MODEL, model, _describe_model(operation, key))
    if isinstance(operation, ToolsetCallToolId | ToolsetValidateToolArgumentsId):
        tool, arguments, call_id = find_call(key)
        is_call = isinstance(operation, ToolsetCallToolId)
        part = f"{'t' if is_call else 'v'}.{call_id}" if call_id else name
        label = tool if is_call else f"{tool} (arguments)"
        asked = _ask(part, CallKind.TOOL, label, {"tool": tool, "arguments": arguments})
        context = next((each for each in key if isinstance(each, RunContext)), None)
        known = context.tools.get(tool) if is_call and context is not None else None
        if known is None:
            return asked
        is_repeatable, has_effects = describe_effects(known)
        return replace(asked, is_repeatable=is_repeatable, has_effects=has_effects)
    label = name.rpartition("__")[2]
    return _ask(
        name, CallKind.ONCE, label, {"asked": [each for each in key if not isinstance(each, RunContext)]}
    )


def find_call(key: tuple[object, ...]) -> tuple[str, object, str | None]:
    """Return which tool is called, with which arguments, and the id of the call, of what identifies the operation."""
    context = next((each for each in key if isinstance(each, RunContext)), None)
    return str(key[0]), key[1], context.tool_call_id if context is not None else None


def describe_effects(tool: ToolDefinition) -> tuple[bool, bool]:
    """Return whether a tool may be called again where nobody knows whether it happened, and whether it has effects.

    It says so in its metadata (`effects`, `repeatable`); not repeatable is what can't be taken back. What a person has
    to approve has effects, whatever it says of them.
    """
    said = tool.metadata or {}
    is_repeatable = bool(said.get("repeatable", not said.get("effects") or said.get("reversible", True)))
    has_effects = bool(said.get("effects")) or not is_repeatable or tool.kind == "unapproved"
    return is_repeatable, has_effects


def _ask(part: str, kind: CallKind, name: str, request: Mapping[str, Any]) -> Asked:
    if kind is CallKind.TOOL:
        refuse_unkept("its arguments", request["arguments"])
    write = write_asked if kind is CallKind.MODEL else canonical_json
    try:
        text = write({"format": FORMAT, **_make_plain(request)})
    except (UnreadableOutput, ValueError, TypeError) as error:
        raise CallRefused(f"what '{name}' is asked can't be kept: {error}") from error
    return Asked(_fit(part), kind, _fit(name), text)


def _fit(text: str) -> str:
    """Return a text that may stand in a path: other programs choose ids of tool calls, and names of tools."""
    plain = (
        "".join(letter if letter.isprintable() else "_" for letter in text.translate(_RESERVED)).strip()
        or "_"
    )
    if len(plain) <= MOST_NAME and plain == text:
        return plain
    return f"{plain[: MOST_NAME - 33]}~{_digest(text)[:32]}"


def _describe_model(operation: ModelRequestId, key: tuple[object, ...]) -> dict[str, Any]:
    """Return what a model is asked: only the messages since its last answer, and digests of what it knows already.

    Each request carries all that was said before: kept whole, an agent's rows would grow with the square of it.
    """
    _, messages, settings, parameters, *_ = key
    assert isinstance(messages, list) and isinstance(parameters, ModelRequestParameters)  # noqa: S101, PT018
    read_most_tokens(settings)
    said = max((n for n, each in enumerate(messages, 1) if isinstance(each, ModelResponse)), default=0)
    asked: dict[str, Any] = {
        "model": operation.model_id or operation.model_name,
        "messages": describe_messages(messages[said:]),
        "tools": [tool.name for tool in parameters.function_tools],
        "parameters": _digest(write_asked(_make_plain(parameters))),
    }
    if said:
        before = describe_messages(messages[:said])
        asked["before"] = {"messages": said, "digest": _digest(write_asked(before))}
    return asked | ({"settings": settings} if settings else {})


def estimate_tokens(key: tuple[object, ...], default_most: int) -> tuple[int, int]:
    """Return how many tokens a request may take and give at most.

    What goes in is counted from its JSON, files as `weighing.py` says; what may come out, the agent's settings say
    (`max_tokens`); the default where they don't.
    """
    _, messages, settings, parameters, *_ = key
    assert isinstance(messages, list)  # noqa: S101
    told = write_asked(_make_plain([describe_messages(messages), parameters]))
    return count_tokens(told) + weigh_files(messages), read_most_tokens(settings) or default_most


def count_messages(messages: Sequence[Any]) -> int:
    """Return how many tokens messages may have."""
    return count_tokens(write_asked(_make_plain(describe_messages(messages))))


def count_tokens(text: str) -> int:
    """Return how many tokens a text may have: four of its plain letters make one, of others each byte counts in full.

    A quarter more is added: above what tokenizers make of text, whose worst case is a token for a byte.
    """
    plain = sum(letter.isascii() for letter in text)
    return -(-plain * 5 // 16) + len(text.encode(errors="replace")) - plain


def read_most_tokens(settings: object) -> int | None:
    """Return how many tokens an agent says that an answer may have; None where it does not.

    Raises: AgentRefused: it is no such number.
    """
    most = settings.get("max_tokens") if isinstance(settings, Mapping) else None
    if most is None or (type(most) is int and 1 <= most <= MOST_COUNT):
        return most
    raise AgentRefused(
        f"model_settings: max_tokens is {most!r:.80}; give a whole number from 1, or leave it out"
    )


def describe_messages(messages: Sequence[Any]) -> list[dict[str, Any]]:
    """Return messages as plain values, without what differs each time."""
    told = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json")
    return [
        _leave_out(message) | {"parts": [_leave_out(part) for part in message["parts"]]} for message in told
    ]


def _leave_out(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in _PASSING and value is not None}


def _make_plain(value: Any) -> Any:
    """Return plain JSON values of what an agent hands over, the same in every process: sets have no order."""
    if isinstance(value, AbstractSet):
        return sorted((_make_plain(each) for each in value), key=canonical_json)
    if isinstance(value, Mapping):
        return {str(name): _make_plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_make_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        own = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: _make_plain(each) for name, each in own.items() if not name.startswith("_")}
    return to_jsonable_python(value, fallback=lambda other: type(other).__qualname__)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
