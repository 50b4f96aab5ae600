"""What a model said, read from the row of its call as people want to see it: texts and calls of tools. Pure.

The row keeps the answer as the library that asked writes it; which parts of that people read is known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SaidPart:
    """A part of an answer. `tool`: what is to be called, with `text` as its arguments in JSON; "": plain text."""

    text: str
    tool: str = ""


def read_said(response_json: str) -> list[SaidPart]:
    """Return the parts of a stored answer; none where it is not as those of models are."""
    try:
        stored = json.loads(response_json)
    except ValueError:
        return []
    parts = stored.get("parts") if isinstance(stored, dict) else None
    return (
        [said for part in parts if isinstance(part, dict) for said in _read_part(part)]
        if isinstance(parts, list)
        else []
    )


def _read_part(part: dict[str, Any]) -> Iterator[SaidPart]:
    match part:
        case {"part_kind": "text", "content": str(text)} if text.strip():
            yield SaidPart(text)
        case {"part_kind": "tool-call", "tool_name": str(tool), "args": arguments}:
            yield SaidPart(arguments if isinstance(arguments, str) else json.dumps(arguments or {}), tool)
        case _:
            pass
