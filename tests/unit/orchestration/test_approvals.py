"""What a person may change of calls that wait for an approval, and what the refusal of anything else says."""

import json
from typing import Any

import pytest

from agents.domain.waiting import VALUE
from orchestration.domain.approvals import decide_calls
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ResolutionRefused

_CALL = {
    "id": "call_1",
    "tool": "refund",
    "arguments": {"order": "7", "euro": 900},
    "effects": [],
    "reversible": True,
    "approve": True,
    "message": "",
}
_ASKED = {"calls": [_CALL], "version": 1}


def _edit(edited: Any) -> str:
    return decide_calls(json.dumps(_ASKED), ResolutionKind.EDIT, json.dumps(edited), "")


def test_other_arguments_are_taken() -> None:
    changed = _ASKED | {"calls": [_CALL | {"arguments": {"order": "7", "euro": 300}}]}
    assert json.loads(_edit(changed))[VALUE]["calls"] == changed["calls"]


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        (
            {"arguments": {"euro": 5}},
            r"^output: give the object as the ticket shows it, with calls and version",
        ),
        ({"calls": [_CALL]}, r"^output: give the object as the ticket shows it, with calls and version"),
        ({"calls": {}, "version": 1}, r"^output: give the object"),
        ({"calls": [_CALL], "version": 2}, r"^output/version: it can't be changed"),
        ({"calls": [], "version": 1}, r"^output/calls: 1 are asked for, and 0 given.*`approve`: false"),
        ({"calls": [{"arguments": {}}], "version": 1}, r"^output/calls/0: give approve, arguments, effects"),
    ],
)
def test_what_is_wrong_with_an_edit_is_named(edited: Any, message: str) -> None:
    with pytest.raises(ResolutionRefused, match=message):
        _edit(edited)
