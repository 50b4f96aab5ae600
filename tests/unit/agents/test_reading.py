"""The one reader of JSON from outside: what others take in silence, it names, and it takes no longer for it."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings

from agents.domain.canonical import canonical_json
from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from tests.unit.agents.test_canonical import values


@settings(max_examples=150, deadline=None)
@given(values)
def test_what_can_be_kept_is_read_as_it_was_written(value: Any) -> None:
    for text in (canonical_json(value), json.dumps(value), json.dumps(value, indent=2)):
        assert read_json(text) == json.loads(text)
        assert read_json(b"\xef\xbb\xbf" + text.encode()) == json.loads(text)
    canonical_json(read_json(json.dumps(value)))


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "no valid JSON at line 1, column 1: Expecting value"),
    "half": ('{"a": 1,\n "b"', "no valid JSON at line 2, column 5: Expecting ':' delimiter"),
    "two values": ("1 2", "no valid JSON at line 1, column 3: Extra data"),
    "doubled": ('{"a": 1, "a": 1}', "at /a: this name stands twice in one object; keep one of them"),
    "doubled, written otherwise": ('{"a": 1, "\\u0061": 2}', "at /a: this name stands twice"),
    "doubled below": ('{"steps": [{}, {"x/y": {"n": 1, "n": 2}}]}', "at /steps/1/x~1y/n: this name stands twice"),
    "2^53": ('{"n": 9007199254740992}', "at /n: a number of 2^53 or more"),
    "5,000 digits": (f'{{"n": [{"9" * 5000}]}}', "at /n/0: a number of 2^53 or more"),
    "-5,000 digits": (f"-{'9' * 5000}", "a number of 2^53 or more"),
    "1e16": ("1e16", "a number of 2^53 or more"),
    "1e400": ('{"n": 1e400}', "at /n: NaN and Infinity are not JSON"),
    "NaN": ('{"n": NaN}', "at /n: NaN is not JSON; write null, or leave the value out"),
    "-Infinity": ("-Infinity", "-Infinity is not JSON"),
    "NUL": ('{"a": "x\\u0000"}', "at /a: holds a NUL character"),
    "NUL in a name": ('{"a\\u0000": 1}', "at /a\ufffd: holds a NUL character"),
    "half a pair": ('["\\ud800"]', "at /0: holds a lone surrogate"),
    "a raw surrogate": ('["\ud800"]', "at /0: holds a lone surrogate"),
    "33 levels": ("[" * 33 + "]" * 33, f"at {'/0' * 32}: nested deeper than 32 levels"),
    "100,000 levels": ("[" * 100_000, "nested deeper than 32 levels"),
    "100,000 objects": ('{"a":' * 100_000, "nested deeper than 32 levels"),
    "UTF-16": ("{}".encode("utf-16"), "UTF-16, not UTF-8 text (byte 0, in line 1); save it as UTF-8"),
    "latin-1": ('{"a":\n"ü"}'.encode("latin-1"), "no UTF-8 text (byte 7, in line 2); save it as UTF-8"),
    "two marks": ("\ufeff\ufeff1", "no valid JSON at line 1, column 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_t_be_kept_is_refused_with_its_place(name: str) -> None:
    text, words = REFUSED[name]
    with pytest.raises(UnreadableJson) as refused:
        read_json(text)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("text", ['"é"', '"ab"'], ids=["characters", "bytes"])
def test_a_text_that_is_too_long_is_not_read(text: str) -> None:
    assert read_json(text, max_bytes=4) == json.loads(text)
    with pytest.raises(UnreadableJson, match="longer than 3 bytes"):
        read_json(text.encode(), max_bytes=3)


def test_a_message_does_not_repeat_a_long_name() -> None:
    with pytest.raises(UnreadableJson) as refused:
        read_json(f'{{"{"x" * 100_000}": NaN}}')
    assert len(str(refused.value)) < 400
    assert len(refused.value.path) == 100_001


@pytest.mark.parametrize(
    "text",
    [
        "{" + ",".join(f'"name {n}": 1' for n in range(200_000)) + ', "name 199999": 1}',
        "9" * 2_000_000,
        "[" + "1," * 500_000 + "1e999]",
        "0." + "0" * 400 + "1" * 2_000_000,
    ],
    ids=["names", "digits", "numbers", "fraction"],
)
def test_the_time_is_linear(text: str) -> None:
    """Seconds, not minutes: a doubled name looked for in the square of the names takes a quarter of an hour."""
    began = time.process_time()
    with suppress(UnreadableJson):
        read_json(text)
    assert time.process_time() - began < 10
