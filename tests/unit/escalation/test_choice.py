from typing import Any

import pytest

from escalation.domain.resolution import MAX_TEXT, Choice
from escalation.errors import EscalationError, ResolutionInvalid
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.states import ResolutionKind

APPROVE, EDIT, SEND_BACK = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SEND_BACK


def test_equal_decisions_are_equal_however_they_were_written() -> None:
    first = Choice.build(EDIT, {"a": 1, "b": 2.0}, "", " fine ")
    second = Choice.build(EDIT, {"b": 2, "a": 1}, "", "fine")

    assert first == second == Choice(EDIT, '{"a":1,"b":2}', "", "fine")


def test_true_is_not_one() -> None:
    assert Choice.build(EDIT, {"a": True}, "", "") != Choice.build(EDIT, {"a": 1}, "", "")


@pytest.mark.parametrize(
    ("kind", "output", "feedback", "note", "message"),
    [
        (APPROVE, {}, "", "", "output: goes with edit or answer only, not with approve"),
        (APPROVE, None, "hm", "", "feedback: goes with send_back only, not with approve"),
        (SEND_BACK, None, " \n", "", "feedback: say what the agent should do better"),
        (SEND_BACK, None, "x" * (MAX_TEXT + 1), "", "feedback: 20001 characters are too many"),
        (APPROVE, None, "", "a\x00b", "note: holds a character that is no text"),
        (APPROVE, None, "", "a\ud800b", "note: holds a character that is no text"),
        (EDIT, {"a": ["\x00"]}, "", "", "/a/0"),
        (EDIT, {"a": 2**53}, "", "", "/a"),
        (EDIT, {1: 2}, "", "", "output: "),
    ],
)
def test_what_can_not_be_meant_is_refused_and_named(
    kind: ResolutionKind, output: Any, feedback: str, note: str, message: str
) -> None:
    with pytest.raises(ResolutionInvalid) as refusal:
        Choice.build(kind, output, feedback, note)

    assert message in str(refusal.value)


def test_null_is_an_output_like_any_other() -> None:
    assert Choice.build(EDIT, None, "", "").output_json == "null"


def test_every_error_has_a_code_of_its_own_and_a_status() -> None:
    codes = [error.code for error in EscalationError.__subclasses__()]

    assert len(set(codes)) == len(codes)
    assert set(codes) <= set(STATUS_OF)
