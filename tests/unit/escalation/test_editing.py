import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.draft import Draft
from escalation.domain.editing import MOST_FIELDS, EditField, join_fields, split_fields
from escalation.errors import ResolutionInvalid
from orchestration.domain.visible import is_unseen
from tests.unit.agents.test_canonical import values

LETTER = {"body": "Dear Ada,\nall is well.", "facts": {"order": 7}, "subject": "Hello"}


def _as_browser(fields: list[EditField]) -> dict[str, str]:
    """Every line end comes back as two characters."""
    return {field.name: field.text.replace("\n", "\r\n") for field in fields}


@given(values)
def test_a_form_sent_back_untouched_is_what_was_proposed(proposal: Any) -> None:
    if proposal is not None:
        joined = join_fields(proposal, _as_browser(split_fields(proposal)))

        assert json.dumps(joined, sort_keys=True) == json.dumps(proposal, sort_keys=True)


@given(st.dictionaries(st.text(), st.text(), max_size=5) | st.text())
def test_nothing_unseen_stands_in_a_field(proposal: Any) -> None:
    for field in split_fields(proposal):
        assert not any(is_unseen(character) for character in field.text)


def test_texts_get_fields_of_their_own() -> None:
    fields = [(field.name, field.label, field.is_json) for field in split_fields(LETTER)]

    assert fields == [
        ("key:body", "body", False),
        ("key:subject", "subject", False),
        ("rest", "Everything else, as JSON", True),
    ]


def test_edited_fields_are_put_together() -> None:
    typed = {"key:body": "Dear Bob", "rest": '{"facts": {}, "more": 1}'}

    assert join_fields(LETTER, typed) == {"body": "Dear Bob", "subject": "Hello", "facts": {}, "more": 1}


def test_a_plain_text_is_one_field() -> None:
    assert [field.name for field in split_fields("hello")] == ["text"]
    assert join_fields("hello", {"text": "bye"}) == "bye"


@pytest.mark.parametrize("proposal", [[1, "a"], 7, {"n": 1}, {}, "hidden\u200b", {"text": "hidden\u202e"}])
def test_everything_else_is_edited_as_json(proposal: Any) -> None:
    (field,) = split_fields(proposal)

    assert field.is_json
    assert json.loads(field.text) == proposal
    assert join_fields(proposal, {field.name: '{"a": 1}'}) == {"a": 1}


def test_too_many_texts_are_edited_as_json() -> None:
    proposal = {f"k{i}": "text" for i in range(MOST_FIELDS + 1)}

    assert [field.name for field in split_fields(proposal)] == ["json"]


def test_nothing_proposed_is_an_empty_field() -> None:
    assert [(field.name, field.text) for field in split_fields(None)] == [("json", "")]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ('{"facts": ', "Everything else, as JSON: no valid JSON at line 1, column 11"),
        (
            '{"facts": {"paid": false, "paid": true}}',
            "Everything else, as JSON: at /facts/paid: this name stands twice",
        ),
        (f'{{"facts": {"9" * 5000}}}', "Everything else, as JSON: at /facts: a number of 2^53 or more"),
        ("[]", "Everything else, as JSON: must be a JSON object"),
        ('{"body": "two"}', "Everything else, as JSON: body has a field of its own"),
        ("[" * 100_000, "Everything else, as JSON: nested deeper than 32 levels"),
    ],
)
def test_json_that_does_not_fit_is_refused_and_named(typed: str, message: str) -> None:
    with pytest.raises(ResolutionInvalid) as refusal:
        join_fields(LETTER, {"rest": typed})

    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "rows"),
    [
        (EditField("a", "a", "one line", is_json=False), 1),
        (EditField("a", "a", "", is_json=False), 3),
        (EditField("a", "a", "x" * 200, is_json=False), 4),
        (EditField("a", "a", "line\n" * 100, is_json=False), 24),
        (EditField("a", "a", "{}", is_json=True), 3),
    ],
)
def test_a_field_is_as_high_as_its_text(field: EditField, rows: int) -> None:
    assert field.rows == rows


@given(st.dictionaries(st.text(), st.text()), st.text(), st.text())
def test_a_draft_comes_back_as_typed(fields: dict[str, str], feedback: str, note: str) -> None:
    draft = Draft(fields=fields, feedback=feedback, note=note, author="anna")

    assert Draft.from_json(draft.to_json()) == draft
    assert draft.to_json().isascii()


def test_no_draft_is_an_empty_one() -> None:
    assert Draft.from_json(None) == Draft()
