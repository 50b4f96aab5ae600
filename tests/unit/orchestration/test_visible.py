import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.admin.visible import mark_unseen
from orchestration.domain.visible import is_unseen, pretty_json, spell_out, split_unseen

UNSEEN = (
    "\u202e\u202d\u2066\u2069\u200b\u200d\u200e\u2060\ufeff\u00ad\u061c\u180e\u2028\u2029"
    "\x00\x1b\x7f\r\u3164\u2800\ufe01\U000e0041"
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("character", UNSEEN)
def test_what_can_not_be_seen_is_spelled_out(character: str) -> None:
    assert is_unseen(character)
    assert spell_out(f"a{character}b") == f"a[U+{ord(character):04X}]b"


@pytest.mark.parametrize(
    "text", ["plain text", "two\nlines\tand a tab", "Grüße, 東京, שלום, مرحبا", "€ ½ 😀 ❤️"]
)
def test_ordinary_text_of_any_language_stays_as_it_is(text: str) -> None:
    assert spell_out(text) == text


@given(st.text())
def test_nothing_unseen_is_left(text: str) -> None:
    assert not any(is_unseen(character) for character in spell_out(text))
    assert "".join(piece for piece, unseen in split_unseen(text) if not unseen) == "".join(
        character for character in text if not is_unseen(character)
    )


@given(json_values)
def test_pretty_json_hides_nothing_and_means_the_same(value: Any) -> None:
    text = pretty_json(value)

    assert not any(is_unseen(character) for character in text)
    assert json.loads(text) == value


@given(st.text())
def test_marked_text_is_safe_html(text: str) -> None:
    html = str(mark_unseen(text))

    bare = html.replace('<span class="rm-unseen">', "").replace("</span>", "")
    assert not set('<>"') & set(bare)


def test_what_looks_like_markup_is_text() -> None:
    assert mark_unseen('<b onclick="x">&') == "&lt;b onclick=&quot;x&quot;&gt;&amp;"


@pytest.mark.parametrize(
    "value",
    [
        list(range(9_000)),
        {f"key, {n}": ['a "quoted", text', {"deep": [n, None, True]}] for n in range(2_000)},
        "one text, of very many words, " * 2_000,
        {"\u200b": ["\u202e, "] * 9_000},
    ],
)
def test_large_json_stands_in_full_lines_and_means_the_same(value: Any) -> None:
    text = pretty_json(value)

    assert json.loads(text) == value
    assert len(text) < 1.2 * len(json.dumps(value))
    assert not any(is_unseen(character) for character in text)


def test_lines_of_large_json_break_between_values() -> None:
    lines = pretty_json([1234567] * 9_000).split("\n")

    assert {len(line) for line in lines[:-1]} <= {98, 99}
    assert all(line.endswith(",") for line in lines[:-1])


@pytest.mark.parametrize("value", [list(range(9_000)), {"text": 'half "a" text, ' * 9_000}])
def test_the_beginning_of_large_json_is_that_of_the_whole(value: Any) -> None:
    begun = pretty_json(value, most=5_000)

    assert 4_900 < len(begun) <= 6_000
    assert pretty_json(value).startswith(begun[:4_000])
