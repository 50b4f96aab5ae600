"""Fields from a schema: objects as groups, lists as rows, and JSON where fields would not give back the same value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.editing import EditField
from escalation.domain.fieldset import DROP, ROWS, FieldGroup, Node, fill, walk
from escalation.domain.form import form_fields, is_edited, is_typed, output_fields, read_form, read_output
from escalation.errors import ResolutionInvalid

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["customer"],
    "$defs": {
        "Line": {
            "type": "object",
            "required": ["what"],
            "properties": {"what": {"type": "string"}, "net": {"type": "number"}},
        }
    },
    "properties": {
        "customer": {
            "type": "object",
            "title": "Customer",
            "required": ["mail"],
            "properties": {"mail": {"type": "string"}, "vip": {"type": "boolean"}},
        },
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}
VALUE: dict[str, Any] = {
    "customer": {"mail": "ada@example.org", "vip": True},
    "lines": [{"what": "lamp", "net": 7.5}, {"what": "bulb", "net": 2}],
    "tags": ["new", "loud"],
    "note": "",
}


def _send(nodes: list[Node], **changes: str) -> dict[str, str]:
    """Return what a browser sends of a page that shows these nodes."""
    sent = {field.name: field.text.replace("\n", "\r\n") for field in walk(nodes)}
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, FieldGroup):
            stack += node.members
            if node.blank is not None:
                sent[ROWS + node.name] = "1"
                assert node.another is not None
                sent |= dict.fromkeys((field.name for field in walk([node.another])), "")
    return sent | changes


def _edit(value: Any, **changes: str) -> Any:
    return read_output(ORDER, value, _send(output_fields(ORDER, value)) | changes)


def test_objects_are_groups_and_lists_are_rows() -> None:
    names = [field.name for field in walk(output_fields(ORDER, VALUE))]

    assert names == [
        "key:customer/mail",
        "key:customer/vip",
        "key:lines/0/what",
        "key:lines/0/net",
        "key:lines/1/what",
        "key:lines/1/net",
        "key:tags/0",
        "key:tags/1",
        "key:note",
    ]


def test_what_nobody_touched_is_what_was_proposed() -> None:
    assert _edit(VALUE) == VALUE
    assert read_output(ORDER, VALUE, {}) == VALUE


def test_a_field_within_is_edited() -> None:
    edited = _edit(
        VALUE, **{"key:customer/mail": "bob@example.org", "key:lines/1/net": "3", "key:note": "hi"}
    )

    assert edited["customer"]["mail"] == "bob@example.org"
    assert edited["lines"] == [{"what": "lamp", "net": 7.5}, {"what": "bulb", "net": 3}]
    assert edited["note"] == "hi"


def test_rows_are_added_and_removed() -> None:
    edited = _edit(
        VALUE,
        **{"key:lines/2/what": "cable", DROP + "key:lines/0": "1", "key:tags/0": "", "key:tags/7": "far"},
    )

    assert edited["lines"] == [{"what": "bulb", "net": 2}, {"what": "cable"}]
    assert edited["tags"] == ["loud", "far"]


def test_a_list_without_rows_is_an_empty_list() -> None:
    typed = _send(output_fields(ORDER, VALUE))
    typed = {name: text for name, text in typed.items() if not name.startswith("key:tags/")}

    assert read_output(ORDER, VALUE, typed)["tags"] == []
    assert _edit(VALUE | {"tags": []})["tags"] == []


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("tags", ["", "a"]),
        ("tags", [1]),
        ("tags", "no list"),
        ("lines", [{"what": "x", "more": 1}]),
        ("customer", {"mail": "a\u200bb"}),
        ("customer", {"mail": "a\r\nb"}),
        ("customer", {"mail": 7, "vip": "yes"}),
        ("customer", {"mail": "a", "vip": 1}),
        ("note", None),
        ("note", [1.0]),
    ],
)
def test_what_fields_would_not_give_back_is_json(part: str, value: Any) -> None:
    proposal = VALUE | {part: value}
    shown = [node for node in output_fields(ORDER, proposal) if node.key == part]

    assert any(field.is_json for field in walk(shown))
    assert json.dumps(_edit(proposal), sort_keys=True) == json.dumps(proposal, sort_keys=True)


def test_what_the_schema_does_not_name_stands_beside_it_as_json() -> None:
    proposal = VALUE | {"more": {"a": [1]}}

    assert _edit(proposal) == proposal
    assert _edit(proposal, rest='{"more": 2}')["more"] == 2
    with pytest.raises(ResolutionInvalid, match="tags has a field of its own"):
        _edit(proposal, rest='{"tags": []}')


def test_faults_name_the_field_with_its_place() -> None:
    with pytest.raises(
        ResolutionInvalid, match=r"lines, 1, net: no number or JSON \(no valid JSON at line 1"
    ):
        _edit(VALUE, **{"key:lines/0/net": "much"})
    with pytest.raises(ResolutionInvalid, match="Customer, mail: fill it in"):
        read_form(ORDER, {"key:customer/vip": "yes"})


def test_a_form_starts_empty_and_leaves_out_what_stays_so() -> None:
    assert [field.text for field in walk(form_fields(ORDER))] == ["", "", ""]
    typed = {"key:customer/mail": "a", ROWS + "key:lines": "1", "key:lines/0/what": "", "key:lines/0/net": ""}
    assert read_form(ORDER, typed) == {"customer": {"mail": "a"}}
    assert read_form(ORDER, typed | {"key:lines/0/what": "lamp"})["lines"] == [{"what": "lamp"}]


def test_a_default_within_what_need_not_be_there_makes_nothing() -> None:
    schema = {
        "properties": {
            "price": {"type": "object", "properties": {"in": {"type": "string", "default": "EUR"}}}
        }
    }

    sent = {field.name: field.text for field in walk(form_fields(schema))}

    assert read_form(schema, sent) == {}


def test_what_a_proposal_lacks_is_neither_added_nor_an_edit() -> None:
    schema = {
        "required": ["must", "part"],
        "properties": {
            "must": {"type": "string"},
            "kind": {"type": "string", "default": "letter"},
            "part": {
                "type": "object",
                "required": ["x"],
                "properties": {"x": {"type": "number", "default": 1}},
            },
        },
    }
    untouched = _send(output_fields(schema, {}))

    assert set(untouched.values()) == {""}
    assert not is_edited(schema, {}, untouched)
    assert is_edited(schema, {}, untouched | {"key:kind": "mail"})
    filled = untouched | {"key:must": "a", "key:part/x": "2"}
    assert read_output(schema, {}, filled) == {"must": "a", "part": {"x": 2}}


def test_a_schema_that_names_itself_or_is_huge_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}, "name": {"type": "string"}}}
    fields = form_fields({"$defs": {"N": node}, "properties": {"first": {"$ref": "#/$defs/N"}}})
    assert 1 < len(list(walk(fields))) < 20
    wide = {"properties": {f"k{n}": {"$ref": "#/$defs/W"} for n in range(50)}}
    assert [field.name for field in form_fields({**wide, "$defs": {"W": {"type": "object", **wide}}})] == [
        "json"
    ]
    loop = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert [field.name for field in walk(form_fields(loop))] == ["key:a"]


def test_keys_with_signs_of_their_own_stay_apart() -> None:
    schema = {
        "properties": {
            "a": {"type": "object", "properties": {"b": {"type": "string"}}},
            "a/b": {"type": "string"},
        }
    }
    value = {"a": {"b": "one"}, "a/b": "two"}
    fields = output_fields(schema, value)

    assert len({field.name for field in walk(fields)}) == 2
    assert read_output(schema, value, _send(fields)) == value


def test_a_draft_is_shown_with_its_rows() -> None:
    nodes = output_fields(ORDER, VALUE)
    typed = _send(nodes, **{"key:tags/2": "third"})

    filled = fill(nodes, typed)

    assert [field.text for field in walk(filled) if field.name.startswith("key:tags")] == [
        "new",
        "loud",
        "third",
    ]
    assert fill(nodes, _send(nodes)) == nodes
    assert all(is_typed(name, nodes) for name in typed)
    assert not is_typed("note", nodes)


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from([0.5, 1.0])
    | st.text("ab \n\r\u200b", max_size=3)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
_SCHEMAS = st.recursive(
    st.sampled_from([{}, {"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"enum": ["a", 1]}]),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(
            lambda properties: {"type": "object", "properties": properties},
            st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
        )
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from("abc"), _SCHEMAS, min_size=1),
    st.dictionaries(st.sampled_from("abcd"), _VALUES),
)
def test_any_value_comes_back_from_any_form_as_it_was(properties: Any, value: Any) -> None:
    schema = {"properties": properties}
    fields = output_fields(schema, value)

    read = read_output(schema, value, _send(fields))

    assert json.dumps(read, sort_keys=True) == json.dumps(value, sort_keys=True)


def test_a_group_is_told_from_a_field() -> None:
    kinds = [(type(node), node.is_group) for node in output_fields(ORDER, VALUE)]
    assert kinds == [(FieldGroup, True)] * 3 + [(EditField, False)]
