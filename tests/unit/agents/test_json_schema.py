"""Schemas are somebody's data: nothing is fetched, nothing runs on, and decimals are what is written."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agents.domain.json_schema import (
    MAX_SCHEMA_BYTES,
    SchemaInvalid,
    compile_schema,
    find_fault,
)

CENTS = {"multipleOf": 0.01}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def _doubling(depth: int, keyword: str = "anyOf") -> dict[str, Any]:
    defs: dict[str, Any] = {f"d{depth}": {"type": "string"}}
    for level in range(depth):
        below = {"$ref": f"#/$defs/d{level + 1}"}
        defs[f"d{level}"] = {keyword: [below, {**below, "minLength": level}]}
    return {"$ref": "#/$defs/d0", "$defs": defs}


def _chain(length: int) -> dict[str, Any]:
    defs: dict[str, Any] = {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{length}": {"type": "string"}}}


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize("amount", [4.02, 19.99, 8.2, 2.3, 0.07, 1.1, 5, 100.10, 1_000_000.01, 0, -0.05])
def test_cents_are_multiples_of_a_cent(amount: float) -> None:
    assert find_fault(CENTS, amount) is None


@pytest.mark.parametrize("amount", [1.005, 0.001, 19.999])
def test_what_is_no_cent_is_refused(amount: float) -> None:
    assert find_fault({"properties": {"a": CENTS}}, {"a": amount}) == (
        "/a",
        f"{amount} is not a multiple of 0.01",
    )


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    calls: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def listen() -> None:
            try:
                server.accept()[0].close()
                calls.append("fetched")
            except TimeoutError:
                pass

        thread = Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], calls
        thread.join()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema", "$id"])
def test_nothing_is_fetched_over_the_network(listener: tuple[int, list[str]], keyword: str) -> None:
    port, calls = listener
    schema: dict[str, Any] = {keyword: f"http://127.0.0.1:{port}/x.json"}
    if keyword == "$id":
        schema["$ref"] = "other.json"
    with pytest.raises(SchemaInvalid):
        find_fault(schema, {})
    assert calls == []


def test_no_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"const": "sesame"}')
    with pytest.raises(SchemaInvalid) as refused:
        find_fault({"properties": {"a": {"$ref": secret.as_uri()}}}, {"a": 1})
    assert "sesame" not in str(refused.value)
    assert "nothing is fetched; define it in the same schema" in str(refused.value)
    assert refused.value.path == "/properties/a"


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "/properties/a", "nothing is at '#/$defs/b'"),
        ({"$defs": {"unused": {"$ref": "#/nowhere"}}}, "/$defs/unused", "nothing is at '#/nowhere'"),
        ({"properties": {"a": {"$dynamicRef": "#b"}}}, "/properties/a", "nothing is at '#b'"),
        ({"$ref": "#"}, "", "refers to itself without end"),
        ({"not": {"$ref": "#"}}, "", "refers to itself without end"),
        (
            {
                "properties": {"x": {"$ref": "#/$defs/a"}},
                "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}},
            },
            "",
            "refers to itself without end",
        ),
        (
            {"$schema": "http://json-schema.org/draft-03/schema#"},
            "/$schema",
            "is not supported; choose one of",
        ),
        ({"$schema": 7}, "/$schema", "is not supported"),
        ({"type": "strin"}, "/type", "not valid"),
        ({"properties": {"a": {"pattern": "(["}}}, "/properties/a/pattern", "not a pattern that can be used"),
        ({"pattern": "(?=a)b"}, "/pattern", "looks around or back"),
        ({"patternProperties": {"(a)\\1": {}}}, "", "pattern"),
        ({"default": float("nan")}, "", "not JSON"),
        ({"properties": {"\ud800": {}}}, "", "surrogate"),
    ],
)
def test_a_bad_schema_says_where_and_why(schema: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(SchemaInvalid) as refused:
        compile_schema(schema)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 1_000
    assert not path or refused.value.path == path


@pytest.mark.parametrize(
    "schema",
    [
        _doubling(24),
        _doubling(24, "oneOf"),
        _doubling(24, "allOf"),
        _chain(60),
        _nested(100),
        _nested(900),
        {"properties": {f"p{at}": {} for at in range(5_001)}},
        {"x": "y" * MAX_SCHEMA_BYTES},
        {"enum": [at + 0.5 for at in range(2_000)]},
        {"properties": {f"p{at}": {"pattern": f"^.{{1,1000}}{at}$"} for at in range(100)}},
        {"pattern": "((a{100}){100}){100}"},
        {"allOf": [{"unevaluatedProperties": False, "allOf": [_nested(1)] * 50}] * 200},
    ],
)
def test_a_schema_that_costs_too_much_is_refused_at_once(schema: dict[str, Any]) -> None:
    began = time.monotonic()
    with pytest.raises(SchemaInvalid):
        compile_schema(schema)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 100_000 + "b"),
        ({"patternProperties": {"^(a+)+$": False}}, {"a" * 100_000 + "b": 1}),
        ({"uniqueItems": True}, list(range(150_000))),
        ({"uniqueItems": True}, [{"a": at} for at in range(50_000)]),
        ({"items": {"enum": [f"x{at}" for at in range(9_000)]}}, ["x8999"] * 100_000),
        ({"contains": {"const": 1}, "minContains": 0}, list(range(150_000))),
        ({"properties": {f"p{at}": {"type": "string"} for at in range(4_000)}}, {"p1": "x"}),
    ],
)
def test_what_used_to_be_quadratic_or_worse_is_checked_quickly(schema: dict[str, Any], value: Any) -> None:
    began = time.monotonic()
    assert find_fault(schema, value) is None or "pattern" in schema
    assert time.monotonic() - began < 3


def test_a_recursive_schema_that_doubles_takes_shallow_values_and_refuses_deep_ones_at_once() -> None:
    schema = {"allOf": [{"properties": {"c": {"$ref": "#"}}}, {"properties": {"c": {"$ref": "#"}}}]}
    assert find_fault(schema, {"c": {"c": {}}}) is None
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"c": deep}
    began = time.monotonic()
    assert find_fault(schema, deep) == (
        "",
        "too large or too deep to be checked: the schema applies too much to each of its values",
    )
    assert time.monotonic() - began < 1


def test_a_tree_is_a_fine_schema() -> None:
    tree = {"properties": {"value": {"type": "integer"}, "children": {"items": {"$ref": "#"}}}}
    assert find_fault(tree, {"children": [{"value": 1}, {"children": [{"value": 2}]}]}) is None
    assert find_fault(tree, {"children": [{"value": "x"}]}) == (
        "/children/0/value",
        '"x" is not of type "integer"',
    )


@pytest.mark.parametrize(
    ("schema", "bad"),
    [
        ({"$schema": DRAFT_7, "dependencies": {"card": ["address"]}}, {"card": "4111"}),
        ({"$schema": DRAFT_7, "properties": {"t": {"items": [{}, {"type": "integer"}]}}}, {"t": [1, "x"]}),
        (
            {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 5, "exclusiveMaximum": True},
            5,
        ),
        (
            {
                "$schema": "https://json-schema.org/draft/2019-09/schema",
                "properties": {"n": {"type": "integer"}, "c": {"$recursiveRef": "#"}},
            },
            {"c": {"n": "x"}},
        ),
        ({"properties": {"n": {"pattern": "^\\p{L}+$"}}}, {"n": "1"}),
        (
            {
                "$ref": "https://x.example/b",
                "$defs": {"b": {"$id": "https://x.example/b", "type": "integer"}},
            },
            "x",
        ),
    ],
)
def test_a_schema_is_read_in_the_dialect_it_names(schema: dict[str, Any], bad: Any) -> None:
    assert find_fault(schema, bad) is not None


def test_a_fault_is_told_in_the_branch_that_comes_close() -> None:
    schema = {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"b": {"type": "string"}}}]}
    assert find_fault(schema, {"b": 1}) == ("/b", '1 is not of type "string"')


def test_a_large_value_is_refused_without_words_where_words_would_cost_seconds() -> None:
    rows = [{"a": at, "b": "x"} for at in range(50_000)]
    schema = {
        "anyOf": [
            {"items": {"properties": {"a": {"type": "string"}}}},
            {"items": {"properties": {"b": {"type": "integer"}}}},
        ]
    }
    began = time.monotonic()
    assert find_fault(schema, rows) == ("", "does not fit the schema; it is too large to say where")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("value", [{1: 2}, b"x", object(), "\ud800"])
def test_what_is_no_json_is_a_fault_and_not_an_error(value: Any) -> None:
    fault = find_fault({"type": "object"}, value)
    assert fault is not None


def test_words_about_a_large_value_are_short() -> None:
    fault = find_fault({"type": "object"}, ["x"] * 100_000)
    assert fault is not None
    assert len(fault[1]) < 500


class PanicException(BaseException):
    pass


def test_a_panic_is_a_fault_and_what_ends_a_process_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: type[BaseException]) -> Any:
        def build(_schema: object, **_how: object) -> object:
            raise error("at some line")

        return build

    monkeypatch.setattr("jsonschema_rs.validator_for", fail(PanicException))
    with pytest.raises(SchemaInvalid, match="gave up on it"):
        compile_schema({"title": "panics"})
    monkeypatch.setattr("jsonschema_rs.validator_for", fail(SystemExit))
    with pytest.raises(SystemExit):
        compile_schema({"title": "leaves"})
