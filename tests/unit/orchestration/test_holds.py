"""The table of what people may choose for a held step: whole, of one voice, and in step with what it is built into."""

import re

import pytest

from orchestration.domain.hold_fields import FEEDBACK, FIELDS, OUTPUT, SCOPE
from orchestration.domain.holds import (
    BY_RULE,
    CHOSEN_BY_PEOPLE,
    SUBJECTS,
    WAY_OF,
    HoldSubject,
    Way,
    ask_about,
    find_ways,
    kinds_with,
    list_kinds,
)
from orchestration.domain.states import STEP_EDGES, ReceiptKind, ResolutionKind, StepStatus
from tests.processes import PROJECT_DIR

APPROVE, EDIT, SEND_BACK = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SEND_BACK
ANSWER = ResolutionKind.ANSWER
SKIP, ABORT = ResolutionKind.SKIP, ResolutionKind.ABORT
HAND_ON, CLOSE, DEFAULT = ResolutionKind.HAND_ON, ResolutionKind.CLOSE, ResolutionKind.DEFAULT
REFUSE = ResolutionKind.REFUSE
_ALL = [(subject, way) for subject, asked in SUBJECTS.items() for way in asked.ways]
_WAYS = [(subject, way) for subject, way in _ALL if SUBJECTS[subject].holds]
_TOLD = r"^\| (approve|edit|answer|send back|hand on|skip|close|abort|refuse|default) \| (.*?)(?:; .*)? \|$"
_WAYS += [(HoldSubject.OUTPUT, way) for way in BY_RULE.values()]
_CASES = [(subject, has_proposal) for subject in HoldSubject for has_proposal in (True, False)]


def test_every_subject_and_every_kind_stands_in_the_table() -> None:
    assert list(SUBJECTS) == list(HoldSubject)
    assert set(WAY_OF) == set(ResolutionKind)


@pytest.mark.parametrize(
    ("subject", "has_proposal", "kinds"),
    [
        (HoldSubject.OUTPUT, True, [APPROVE, EDIT, SEND_BACK, HAND_ON, SKIP, CLOSE, ABORT]),
        (HoldSubject.OUTPUT, False, [EDIT, SEND_BACK, HAND_ON, SKIP, CLOSE, ABORT]),
        (HoldSubject.TASK, False, [EDIT, SEND_BACK, SKIP, CLOSE, ABORT]),
        (HoldSubject.QUESTION, False, [ANSWER, SKIP, CLOSE, ABORT]),
        (HoldSubject.CALLS, True, [APPROVE, EDIT, SEND_BACK, SKIP, CLOSE, ABORT]),
        (HoldSubject.BUDGET, False, [ANSWER, SEND_BACK, SKIP, CLOSE, ABORT]),
        (HoldSubject.AUDIT, True, [APPROVE, EDIT, REFUSE]),
    ],
)
def test_what_can_be_chosen(subject: HoldSubject, has_proposal: bool, kinds: list[ResolutionKind]) -> None:
    assert list(find_ways(subject, has_proposal=has_proposal)) == kinds


@pytest.mark.parametrize(("subject", "has_proposal"), _CASES)
def test_of_each_kind_there_is_one_way(subject: HoldSubject, has_proposal: bool) -> None:
    ways = [way for way in SUBJECTS[subject].ways if way.needs_proposal in {None, has_proposal}]
    assert len(find_ways(subject, has_proposal=has_proposal)) == len(ways)


def test_what_answers_an_agent_lets_it_work_on() -> None:
    answers = [(subject, way) for subject, way in _ALL if way.answers]
    assert {subject for subject, _ in answers} == {
        HoldSubject.QUESTION,
        HoldSubject.CALLS,
        HoldSubject.BUDGET,
    }
    assert {way.to for _, way in answers} == {StepStatus.AVAILABLE}


@pytest.mark.parametrize(("subject", "way"), [(subject, way) for subject, way in _WAYS if not way.answers])
def test_a_kind_does_the_same_and_is_called_the_same_everywhere(subject: HoldSubject, way: Way) -> None:
    first = WAY_OF[way.kind]
    assert (way.to, way.effect, way.done, way.told, way.field, way.receipt) == (
        first.to,
        first.effect,
        first.done,
        first.told,
        first.field,
        first.receipt,
    )


@pytest.mark.parametrize(("subject", "way"), _WAYS)
def test_every_way_leads_along_an_edge_of_a_held_step(subject: HoldSubject, way: Way) -> None:
    assert (StepStatus.HELD, way.to) in STEP_EDGES


def test_what_is_looked_at_again_moves_no_step_and_is_filled_in_like_any_other() -> None:
    ways = SUBJECTS[HoldSubject.AUDIT].ways

    assert [subject for subject, asked in SUBJECTS.items() if not asked.holds] == [HoldSubject.AUDIT]
    assert [way.to for way in ways] == [None] * 3
    assert all(
        (way.field, way.takes_proposal) == (WAY_OF[way.kind].field, WAY_OF[way.kind].takes_proposal)
        for way in ways
    )
    assert all("nothing changes in the run" in way.effect for way in ways)


@pytest.mark.parametrize(("subject", "way"), [*_WAYS, *_ALL])
def test_every_way_has_its_words(subject: HoldSubject, way: Way) -> None:
    assert all((way.effect, way.button, way.done, way.told))
    assert bool(way.title) == (way.field is not None), "what is filled in has a heading"


def test_who_vouches_for_an_output() -> None:
    assert [kind for kind in ResolutionKind if WAY_OF[kind].takes_proposal] == [APPROVE]
    assert {
        kind: way.receipt
        for kind, way in WAY_OF.items()
        if way.to in {StepStatus.SUCCEEDED, StepStatus.SKIPPED}
    } == {
        APPROVE: ReceiptKind.OUTPUT,
        EDIT: ReceiptKind.EDIT,
        SKIP: ReceiptKind.SKIP,
        DEFAULT: ReceiptKind.DEFAULT,
    }


def test_a_rule_never_approves_and_people_choose_no_default() -> None:
    assert set(BY_RULE) == {DEFAULT, ABORT}
    assert set(CHOSEN_BY_PEOPLE) == set(ResolutionKind) - {DEFAULT}
    assert all(
        DEFAULT not in find_ways(subject, has_proposal=has_proposal) for subject, has_proposal in _CASES
    )


def test_the_forms() -> None:
    assert {field.name: kinds_with(field) for field in FIELDS} == {
        "output": [EDIT, ANSWER],
        "feedback": [SEND_BACK],
        "agent": [HAND_ON],
    }
    assert [kind for kind in ResolutionKind if SCOPE in WAY_OF[kind].also] == [CLOSE]
    assert (OUTPUT.name, FEEDBACK.name) == ("output", "feedback")


def test_the_questions() -> None:
    assert (
        ask_about(HoldSubject.OUTPUT, "draft", has_proposal=True)
        == "May this be the result of the step “draft”?"
    )
    assert ask_about(HoldSubject.OUTPUT, "draft", has_proposal=False) == (
        "The step “draft” has no result. What shall happen?"
    )
    assert ask_about(HoldSubject.TASK, "call{x}", has_proposal=False) == "The step “call{x}” is yours to do."


def test_kinds_in_words() -> None:
    assert list_kinds(find_ways(HoldSubject.OUTPUT, has_proposal=False)) == (
        "edit, send back, hand on, skip, close or abort"
    )
    assert list_kinds({SKIP: WAY_OF[SKIP]}) == "skip"


def test_the_page_of_concepts_says_what_the_table_says() -> None:
    text = (PROJECT_DIR / "docs" / "concepts.md").read_text(encoding="utf-8")
    told = dict(re.findall(_TOLD, text, re.MULTILINE))
    assert set(told) == {kind.replace("_", " ") for kind in WAY_OF}
    for kind, way in WAY_OF.items():
        assert f"| {kind.replace('_', ' ')} | {way.effect}" in text
