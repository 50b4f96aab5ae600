"""Calls that an agent may not make without a person, and what the person decided of them. Pure.

What the ticket shows is what the journal keeps as asked, to the byte: a decision is bound to it.
"""

import json
from typing import Any

from agents.domain.waiting import write_value
from orchestration.domain.receipts import canonical
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ResolutionRefused


def decide_calls(asked_json: str, kind: ResolutionKind, output_json: str | None, feedback: str) -> str:
    """Return what answers an approval, as the journal keeps it.

    Args: asked_json: what was asked.  output_json: of an edit: the same with other arguments, or other decisions.
        feedback: of a denial, for the agent.
    Raises: ResolutionRefused: the edit is of other calls; there is nothing to be told.
    """
    asked: dict[str, Any] = json.loads(asked_json)
    match kind:
        case ResolutionKind.APPROVE:
            decided = asked
        case ResolutionKind.EDIT:
            decided = _read_edit(asked, json.loads(output_json or "null"))
        case _:
            if not feedback.strip():
                raise ResolutionRefused("feedback: say why the agent may not.")
            calls = [each | {"approve": False, "message": feedback} for each in asked["calls"]]
            decided = asked | {"calls": calls}
    return write_value(canonical(decided))


def _read_edit(asked: dict[str, Any], edited: object) -> dict[str, Any]:
    """Return edited calls; whoever edits may change arguments, and decide of each call by itself."""
    if not isinstance(edited, dict) or edited.keys() != asked.keys() or not isinstance(edited["calls"], list):
        raise ResolutionRefused(
            f"output: give the object as the ticket shows it, with {' and '.join(sorted(asked))}, and change in its "
            "calls what you want changed."
        )
    calls = edited["calls"]
    if not _is_same(edited["version"], asked["version"]):
        raise ResolutionRefused("output/version: it can't be changed; give it as the ticket shows it.")
    if len(calls) != len(asked["calls"]):
        raise ResolutionRefused(
            f"output/calls: {len(asked['calls'])} are asked for, and {len(calls)} given; they are other calls. Give "
            "all of them, and say of one that may not be made `approve`: false and why in `message`."
        )
    for place, (before, after) in enumerate(zip(asked["calls"], calls, strict=True)):
        _check_call(f"output/calls/{place}", before, after)
    return {**asked, "calls": calls}


def _is_same(one: object, other: object) -> bool:
    """Return whether two values are written alike: for Python 1, 1.0 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _check_call(where: str, before: dict[str, Any], after: object) -> None:
    if not isinstance(after, dict) or after.keys() != before.keys():
        raise ResolutionRefused(f"{where}: give {', '.join(sorted(before))}.")
    for name in ("id", "tool", "effects", "reversible"):
        if not _is_same(after[name], before[name]):
            raise ResolutionRefused(f"{where}/{name}: it can't be changed; change `arguments`, or deny.")
    if not isinstance(after["arguments"], dict):
        raise ResolutionRefused(f"{where}/arguments: give an object.")
    if not isinstance(after["approve"], bool):
        raise ResolutionRefused(f"{where}/approve: give true or false.")
    if not isinstance(after["message"], str) or (not after["approve"] and not after["message"].strip()):
        raise ResolutionRefused(f"{where}/message: say to the agent why it may not.")
