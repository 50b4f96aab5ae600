"""Pieces of an answer that a model is giving, as they go from the worker that hears them to whoever watches. Pure.

They are a hint and never a truth: any of them may be lost, come twice or come late, and each says enough for a reader
to know what to do with it. The row of the call has the whole answer. Read next: `masking.py`, for what may be told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from agents.domain.reading import read_json
from agents.errors import UnreadableJson

MOST_CHARACTERS: Final = 32_768
"""Of one answer that are told live; the rest comes with the row."""
MOST_BYTES: Final = 1_048_576
"""Of one message to readers; a longer one is none of ours."""
MOST_DELTAS: Final = 256
_MOST_TOOLS: Final = 64
MOST_NAME: Final = 200
"""Of a tool's name, in characters."""
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Delta:
    """What came of an answer.

    Attributes:
        call: id of the call's row.
        attempt: number of the step's attempt that makes it: another try of the call begins anew.
        at: how many characters (code points) of this try's text come before; 0: this is all of it so far.
        text: what came.
        tools: names of the tools that it wants called, all so far.
        is_over: nothing more comes of this try.
    """

    call: int
    attempt: int
    at: int = 0
    text: str = ""
    tools: tuple[str, ...] = ()
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has heard a call: of which attempt, how many characters and tools, and whether all."""

    attempt: int
    characters: int = 0
    tools: int = 0
    is_over: bool = False


def follow(place: Place | None, delta: Delta) -> tuple[Place, Delta] | None:
    """Return where a reader stands after a delta, and what of it is new to them; None: nothing can be made of it.

    What was heard already is passed over, and so is an older try than one that was heard. Behind a gap nothing is added
    until one comes that begins at 0.
    """
    if place is None or delta.attempt > place.attempt:
        if delta.at:
            return None
        return _stand(delta, len(delta.text)), delta
    if delta.attempt < place.attempt or place.is_over:
        return None
    missing = max(place.characters - delta.at, 0)
    text = "" if delta.at > place.characters else delta.text[missing:]
    is_new = text or len(delta.tools) > place.tools or delta.is_over
    if not is_new:
        return None
    return (
        _stand(delta, place.characters + len(text)),
        replace(delta, at=place.characters, text=text),
    )


def _stand(delta: Delta, characters: int) -> Place:
    return Place(delta.attempt, characters, len(delta.tools), delta.is_over)


def write_deltas(deltas: Sequence[Delta]) -> str:
    """Return deltas of one run as JSON."""
    return json.dumps([asdict(delta) for delta in deltas], separators=(",", ":"))


def read_deltas(message: bytes) -> list[Delta]:
    """Return the deltas of a message; what is none is left out, for anybody may write where they come from."""
    if len(message) > MOST_BYTES:
        return []
    try:
        said = read_json(message)
    except UnreadableJson:
        return []
    found = map(_read_delta, said[:MOST_DELTAS] if isinstance(said, list) else [])
    return [delta for delta in found if delta is not None]


def _read_delta(said: Any) -> Delta | None:
    if not isinstance(said, dict):
        return None
    call, attempt, at, text = (said.get(name) for name in ("call", "attempt", "at", "text"))
    tools, is_over = said.get("tools"), said.get("is_over")
    if not isinstance(text, str) or not isinstance(is_over, bool) or not isinstance(tools, list):
        return None
    if not all(type(number) is int and 0 <= number <= _LARGEST for number in (call, attempt, at)):
        return None
    if len(text) > MOST_CHARACTERS or not all(_is_name(name) for name in tools):
        return None
    return Delta(call, attempt, at, text, tuple(tools[:_MOST_TOOLS]), is_over)  # type: ignore[arg-type]


def _is_name(said: object) -> bool:
    return isinstance(said, str) and len(said) <= MOST_NAME
