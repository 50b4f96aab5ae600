"""What is asked of a call and what it answered, as its keeper has them: canonical JSON. Pure."""

from __future__ import annotations

import json
from typing import Any

from agents.domain.canonical import canonical_json
from agents.errors import CallDiverged, CallRefused, UnreadableOutput


def write_request(name: str, arguments: tuple[Any, ...]) -> str:
    """Return what is asked of a call as canonical JSON.

    Raises: CallRefused: an argument can't be kept.
    """
    try:
        return canonical_json(list(arguments))
    except UnreadableOutput as error:
        raise CallRefused(
            f"the call '{name}' can't be kept: its argument {error.path or '/'} is not JSON ({error.reason}); hand "
            "over plain values, and make the rest inside the function"
        ) from error


def write_response(name: str, answer: Any) -> str:
    """Return a call's answer as canonical JSON.

    Raises: UnreadableOutput: it can't be kept; names the call.
    """
    try:
        return canonical_json(answer)
    except UnreadableOutput as error:
        reason = f"the answer of the call '{name}' can't be kept: {error.reason}; let the function return plain values"
        raise UnreadableOutput(error.path, reason) from error


def read_response(path: str, response_json: str) -> Any:
    """Return an answer as later readers see it: read back from what is kept, the first time too.

    Raises: CallDiverged: it can't be read any more.
    """
    try:
        return json.loads(response_json)
    except ValueError as error:
        raise CallDiverged(path, "its stored answer can't be read any more") from error
