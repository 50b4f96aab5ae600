"""A call that can't be repeated, and was under way when its process died: a person says whether it happened. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from agents.domain.calls import CallKind, CallWish
from agents.domain.canonical import canonical_json
from agents.errors import CallDiverged

DOUBT: Final = "effect"
_HAPPENED, _RETURNED = "happened", "returned"
_MOST_SHOWN: Final = 1_000
_MOST_PATH: Final = 560
_FORM: Final = {
    "type": "object",
    "properties": {
        _HAPPENED: {"type": "boolean", "title": "It happened"},
        _RETURNED: {"title": "What it returned, if it happened and the agent needs to know"},
    },
    "required": [_HAPPENED],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a person says of a call in doubt. `response_json`: what it returned; None: it did not happen."""

    response_json: str | None


def ask_about(wish: CallWish, lost: int) -> CallWish:
    """Return the question whether a call happened, of so many tries of which nobody knows."""
    asked = canonical_json(json.loads(wish.request_json))
    shown = asked if len(asked) <= _MOST_SHOWN else f"{asked[:_MOST_SHOWN]}…"
    question = (
        f"Did this happen? “{wish.name}” was under way with {shown} when its process ended, and nobody wrote what came "
        "of it. Look at its target. If it happened it is not made again; if not, it is."
    )
    request_json = canonical_json({"question": question, "form": _FORM})
    return CallWish(f"{DOUBT}:{wish.path[:_MOST_PATH]}#{lost}", CallKind.ASK, DOUBT, request_json)


def read_answer(path: str, response_json: str) -> Cleared:
    """Return what a person said, as the journal keeps it.

    Raises: CallDiverged: it is no such answer.
    """
    try:
        said: dict[str, Any] = json.loads(response_json)["value"]
        return Cleared(canonical_json(said.get(_RETURNED)) if said[_HAPPENED] else None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CallDiverged(path, "its stored answer is none of a doubt") from error
