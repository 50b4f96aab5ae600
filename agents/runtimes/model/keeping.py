"""What a row can't keep of what a model says: mended where that loses nothing, else told to the model.

JSON of providers may hold NaN, numbers beyond what readers keep, NUL, and halves of characters. In a text such a letter
is replaced. Arguments of a call stay what the model wrote, as text; read, they are refused, and the model is asked for
others as for any arguments that are invalid. So no step is stuck with an answer that was paid and can't be written.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final

from pydantic import BaseModel
from pydantic_ai import ModelRetry
from pydantic_ai.messages import BaseToolCallPart, ModelResponse, ToolCallPart
from pydantic_core import to_jsonable_python

from agents.domain.canonical import EXACT_INTEGER_LIMIT, MAX_DEPTH, RECORD_BYTES, canonical_json, check_json
from agents.domain.classification import make_storable
from agents.errors import UnreadableOutput

_UNKEPT: Final = re.compile("[\x00\ud800-\udfff]")
_MOST_PATH: Final = 100
# Of a request: what may be as deep as values are, within messages and their parts.
_DEEPEST: Final = 2 * MAX_DEPTH


def tell_calls_apart(answer: ModelResponse) -> ModelResponse:
    """Return a model's answer with an id of its own for each call of a tool: some servers give several the same.

    What a person decides of one is said by its id, and so is where a call is kept.
    """
    taken = {part.tool_call_id for part in answer.parts if isinstance(part, ToolCallPart)}
    seen: set[str] = set()
    kept: list[Any] = []
    for part in answer.parts:
        if isinstance(part, ToolCallPart) and part.tool_call_id in seen:
            free = (f"{part.tool_call_id}~{number}" for number in count(2))
            part = replace(part, tool_call_id=next(each for each in free if each not in taken))  # noqa: PLW2901
            taken.add(part.tool_call_id)
        if isinstance(part, ToolCallPart):
            seen.add(part.tool_call_id)
        kept.append(part)
    return answer if kept == answer.parts else replace(answer, parts=kept)


def keep_arguments(answer: ModelResponse) -> ModelResponse:
    """Return a model's answer with arguments of calls as text, where they can't be kept as what they are."""
    kept: list[Any] = [
        _keep_arguments(part) if isinstance(part, BaseToolCallPart) else part for part in answer.parts
    ]
    return answer if kept == answer.parts else replace(answer, parts=kept)


def mend_answer(payload: Any) -> Any:
    """Return a model's answer, as the library writes it, with what can't be kept replaced: mostly that is nothing.

    But of what it used: a count that can't be is told.
    """
    if _find_fault(payload) is None:
        return payload
    return {name: value if name == "usage" else _mend(value) for name, value in payload.items()}


def write_asked(value: Any) -> str:
    """Return what a model is asked as canonical JSON; it may hold what the model said before, as an error's words."""
    kept = value if _find_fault(value, _DEEPEST) is None else _mend(value)
    return canonical_json(kept, max_bytes=RECORD_BYTES, max_depth=_DEEPEST)


def refuse_unkept(what: str, value: Any) -> None:
    """Let the model give something else in place of what can't be kept.

    Raises: ModelRetry.
    """
    # As it is: written as JSON, a number that JSON does not have would be null.
    said = value.model_dump() if isinstance(value, BaseModel) else value
    fault = _find_fault(to_jsonable_python(said, inf_nan_mode="constants", fallback=lambda _other: None))
    if fault is not None:
        where = make_storable(fault.path)[:_MOST_PATH]
        raise ModelRetry(
            f"{what} can't be kept{f' at {where}' if where else ''}: {make_storable(fault.reason)}"
        )


def _find_fault(value: Any, most_depth: int = MAX_DEPTH) -> UnreadableOutput | None:
    try:
        check_json(value, max_depth=most_depth)
    except UnreadableOutput as fault:
        return fault
    return None


def _keep_arguments(part: BaseToolCallPart) -> BaseToolCallPart:
    if part.args is None or _find_fault(part.args) is None:
        return part
    text = part.args if isinstance(part.args, str) else json.dumps(part.args)
    return replace(part, args=_UNKEPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _mend(value: Any) -> Any:
    match value:
        case str():
            return make_storable(value)
        case Mapping():
            return {make_storable(str(name)): _mend(each) for name, each in value.items()}
        case list() | tuple():
            return [_mend(each) for each in value]
        case bool():
            return value
        case int() | float() if not math.isfinite(value) or abs(value) >= EXACT_INTEGER_LIMIT:
            return str(value)
        case _:
            return value
