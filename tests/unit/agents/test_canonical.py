import enum
import json
import math
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.domain.canonical import canonical_json, canonical_record
from agents.errors import UnreadableOutput

EXACT = 2**53 - 1
texts = st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
floats = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: abs(number) < 2**53)
scalars = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | floats | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_the_text_is_rfc_8785_and_survives_being_read(value: Any) -> None:
    text = canonical_json(value)
    assert text.encode() == rfc8785.dumps(value)
    assert canonical_json(json.loads(text)) == text


@settings(max_examples=150, deadline=None)
@given(floats)
def test_every_float_reads_back_as_itself(number: float) -> None:
    text = canonical_json([number])
    assert text.encode() == rfc8785.dumps([number])
    assert json.loads(text) == [number]


@settings(max_examples=300, deadline=None)
@given(values)
def test_a_record_has_the_same_text(value: Any) -> None:
    assert canonical_record(value) == canonical_json(value)


@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, 0.5, 1e-4, 9.9e-5, -0.25, 1e15 + 0.5, 1e-7])
def test_a_record_writes_each_number_as_rfc_8785_does(number: float) -> None:
    assert canonical_record({"n": [number]}).encode() == rfc8785.dumps({"n": [number]})


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e16, {1: "a"}, {"a": {2: None}}, [object()]])
def test_a_record_that_is_no_json_is_refused(bad: object) -> None:
    with pytest.raises(UnreadableOutput):
        canonical_record(bad)


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def test_a_record_may_name_a_kind() -> None:
    record = {"kind": Colour.RED, "lines": [(1, Colour.RED, None)]}
    assert canonical_record(record) == canonical_json(record) == '{"kind":"red","lines":[[1,"red",null]]}'


class Price(float):
    """Like numpy.float64, a subclass of float."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("", '""'),
        ([], "[]"),
        ({}, "{}"),
        (True, "true"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.93, "0.93"),
        (1e-4, "0.0001"),
        (9e-5, "0.00009"),
        (1e-7, "1e-7"),
        (2251799813685249.5, "2251799813685249.5"),
        (EXACT, "9007199254740991"),
        (-EXACT, "-9007199254740991"),
        ((1, 2), "[1,2]"),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ('\x01\x1f\x7f\n"\\/é', '"\\u0001\\u001f\x7f\\n\\"\\\\/é"'),
        # UTF-16 order, which is not code point order: the emoji's first unit, D83D, is below FB33.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
        (OrderedDict(z=Colour.RED, a=Level.HIGH), '{"a":3,"z":"red"}'),
        ([Price(0.5), Price(2.0)], "[0.5,2]"),
    ],
)
def test_known_texts(value: object, text: str) -> None:
    assert canonical_json(value) == text


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({1, 2}, "a set is not JSON"),
        (b"x", "a bytes is not JSON"),
        (Decimal(1), "a Decimal is not JSON"),
        (datetime(2026, 1, 1, tzinfo=UTC), "a datetime is not JSON"),
        (1j, "a complex is not JSON"),
        (math.nan, "NaN and Infinity"),
        (math.inf, "NaN and Infinity"),
        (-math.inf, "NaN and Infinity"),
        (2**53, "2^53"),
        (-(2**53), "2^53"),
        pytest.param(10**5000, "2^53", id="beyond printing"),
        (2.0**53, "2^53"),
        (-1e300, "2^53"),
        ("a\x00b", "NUL"),
        ("a\ud800", "lone surrogate at character 1"),
        ({7: 1}, "the key 7 is a int"),
        ({None: 1}, "the key None is a NoneType"),
    ],
)
def test_a_refusal_names_the_path(bad: object, reason: str) -> None:
    with pytest.raises(UnreadableOutput) as refusal:
        canonical_json({"fine": [1, "x"], "items": [0, 1, 2, {"price": bad}]})
    assert refusal.value.path == "/items/3/price"
    assert reason in refusal.value.reason
    assert str(refusal.value) == f"unreadable output at /items/3/price: {refusal.value.reason}"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, ""),
        ({"a/b~c": {1}}, "/a~1b~0c"),
        ({"x\x00": 1}, "/x\ufffd"),
        ([{"\ud800": 1}], "/0/\ufffd\ufffd\ufffd"),
        ([[1, 2], [3, {4}]], "/1/1"),
    ],
)
def test_paths_are_json_pointers_that_can_be_stored(value: object, path: str) -> None:
    with pytest.raises(UnreadableOutput) as refusal:
        canonical_json(value)
    assert refusal.value.path == path


@settings(max_examples=60, deadline=None)
@given(values, st.lists(texts | st.integers(0, 3), max_size=5))
def test_a_fault_is_found_wherever_it_is(filler: Any, path: list[str | int]) -> None:
    value: object = math.nan
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [filler] * part + [value]
    with pytest.raises(UnreadableOutput) as refusal:
        canonical_json(value)
    tokens = [str(part).replace("~", "~0").replace("/", "~1") for part in path]
    assert refusal.value.path == "".join(f"/{token}" for token in tokens)


def test_depth_is_limited() -> None:
    assert canonical_json(nested(32)) == "[" * 32 + "0" + "]" * 32
    with pytest.raises(UnreadableOutput, match="nested deeper than 32 levels") as refusal:
        canonical_json(nested(33))
    assert refusal.value.path == "/0" * 32
    with pytest.raises(UnreadableOutput, match="nested deeper than 2 levels"):
        canonical_json(nested(3), max_depth=2)


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(UnreadableOutput, match="nested deeper"):
        canonical_json(loop)


def test_size_is_limited_to_the_byte() -> None:
    assert len(canonical_json("é" * 4, max_bytes=10).encode()) == 10
    with pytest.raises(UnreadableOutput, match="larger than 9 bytes") as refusal:
        canonical_json({"x": "é"}, max_bytes=9)
    assert refusal.value.path == ""
    assert canonical_json("x" * (1024 * 1024 - 2))
    with pytest.raises(UnreadableOutput, match="larger than 1048576 bytes"):
        canonical_json("x" * (1024 * 1024 - 1))
    with pytest.raises(UnreadableOutput) as refusal:
        canonical_json({"here": ["x" * 1024 * 1024]})
    assert refusal.value.path == ""  # the whole is too large, wherever the limit was met


def test_a_small_value_with_a_huge_text_is_refused_before_it_is_written() -> None:
    value: object = [0] * 10
    for _ in range(25):
        value = [value] * 10  # 10^26 elements, if anybody wrote them
    with pytest.raises(UnreadableOutput, match="larger than 1048576 bytes"):
        canonical_json(value)
