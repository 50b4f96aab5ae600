"""The form of a step that people do: its fields, and what they stand for."""

from typing import Any

import pytest

from escalation.domain.fieldset import walk
from escalation.domain.form import check_form, form_fields, read_form
from escalation.errors import ResolutionInvalid

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["verdict", "sure"],
    "additionalProperties": False,
    "properties": {
        "verdict": {"enum": ["fraud", "fine"], "title": "Verdict", "description": "What is it?"},
        "sure": {"type": "boolean"},
        "amount": {"type": "number", "default": 2.5},
        "why": {"type": "string"},
    },
}


def test_each_property_has_a_field_of_its_kind() -> None:
    fields = {field.key: field for field in walk(form_fields(SCHEMA))}

    assert list(fields) == ["verdict", "sure", "amount", "why"]
    assert fields["verdict"].options == ("fraud", "fine")
    assert (fields["verdict"].label, fields["verdict"].hint) == ("Verdict", "What is it?")
    assert fields["sure"].options == ("yes", "no")
    assert (fields["amount"].is_json, fields["amount"].text) == (True, "2.5")
    assert not fields["why"].is_json
    assert [key for key, field in fields.items() if field.is_required] == ["verdict", "sure"]


def test_what_must_be_filled_in_comes_first_in_the_order_of_its_list() -> None:
    """The order of the properties is lost: a spec is kept with its keys sorted."""
    properties = {key: {"type": "string"} for key in ("about", "note", "verdict")}
    fields = form_fields({"properties": properties, "required": ["verdict", "about", "elsewhere"]})
    assert [field.key for field in fields] == ["verdict", "about", "note"]


def test_what_was_typed_becomes_the_output_and_empty_fields_are_left_out() -> None:
    typed = {"key:verdict": "fraud", "key:sure": "no", "key:amount": "7", "key:why": " "}
    assert read_form(SCHEMA, typed) == {"verdict": "fraud", "sure": False, "amount": 7}


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ({"key:verdict": "", "key:sure": "yes"}, "Verdict: fill it in"),
        ({"key:verdict": "fine", "key:sure": "perhaps"}, "sure: choose yes or no"),
        ({"key:verdict": "fine", "key:sure": "yes", "key:amount": "1,5"}, "amount: no number or JSON"),
        (
            {"key:verdict": "fine", "key:sure": "yes", "key:amount": "9" * 5000},
            "amount: no number or JSON .a number of",
        ),
        (
            {"key:verdict": "fine", "key:sure": "yes", "key:amount": '{"n": 1, "n": 2}'},
            "amount: no number .*at /n",
        ),
    ],
)
def test_a_field_that_can_t_be_read_is_named(typed: dict[str, str], word: str) -> None:
    with pytest.raises(ResolutionInvalid, match=word):
        read_form(SCHEMA, typed)


@pytest.mark.parametrize(
    ("output", "path"),
    [({"verdict": "odd", "sure": True}, "output/verdict"), ({"sure": True}, "output: "), ([], "output: ")],
)
def test_an_output_that_does_not_fit_is_refused(output: Any, path: str) -> None:
    with pytest.raises(ResolutionInvalid, match=path):
        check_form(SCHEMA, output)
    check_form(None, output)


def test_a_form_without_properties_is_typed_as_json() -> None:
    assert read_form({"type": "array"}, {"json": "\ufeff[1]"}) == [1]
    with pytest.raises(ResolutionInvalid, match="at /0/n: this name stands twice"):
        read_form({"type": "array"}, {"json": '[{"n": 1, "n": 2}]'})


KINDS: dict[str, Any] = {
    "type": "object",
    "required": ["count"],
    "properties": {
        "count": {"type": "integer", "minimum": 0, "maximum": 500, "default": 3},
        "share": {"type": ["number", "null"]},
        "day": {"type": "string", "format": "date"},
        "level": {"enum": [1, 2, None]},
        "mixed": {"type": ["integer", "string"]},
        "sizes": {"type": "array"},
    },
}


def test_each_field_is_typed_in_an_input_of_its_kind() -> None:
    fields = {field.key: field for field in walk(form_fields(KINDS))}

    assert {key: field.kind for key, field in fields.items() if field.kind} == {
        "count": "number",
        "share": "number",
        "day": "date",
    }
    assert fields["count"].bounds == (("step", "1"), ("min", "0"), ("max", "500"))
    assert fields["share"].bounds == (("step", "any"),)
    assert fields["day"].bounds == ()
    assert fields["level"].options == ("1", "2", "null")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("+7", 7),
        ("-0.5", -0.5),
        ("0", 0),
        ("-012", -12),
        (" 1e3 ", 1000.0),
        ("0.50", 0.5),
    ],
)
def test_what_a_browser_takes_for_a_number_is_one(typed: str, value: float) -> None:
    assert read_form(KINDS, {"key:count": "1", "key:share": typed})["share"] == value


def test_choices_keep_their_type() -> None:
    typed = {"key:count": "1", "key:level": "2", "key:day": "2026-11-29"}
    assert read_form(KINDS, typed) == {"count": 1, "level": 2, "day": "2026-11-29"}
    assert read_form(KINDS, typed | {"key:level": "null"})["level"] is None


def test_an_empty_number_is_asked_for() -> None:
    with pytest.raises(ResolutionInvalid, match="count: fill it in"):
        read_form(KINDS, {"key:count": ""})


def test_a_form_of_very_many_properties_is_typed_as_json() -> None:
    many = {"properties": {f"p{n}": {"type": "string"} for n in range(201)}}
    assert [field.name for field in form_fields(many)] == ["json"]
