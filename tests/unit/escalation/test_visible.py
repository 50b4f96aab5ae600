import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.admin.rendering import describe_value, mark_unseen
from escalation.domain.visible import excerpt, is_unseen, pretty_json, spell_out, split_unseen

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


def test_an_object_is_shown_key_by_key() -> None:
    shown = describe_value({"body": "a\nb", "n": 7, "<k>": ["x"], "empty": ""})

    assert [(str(p.label), str(p.html), p.is_code) for p in shown] == [
        ("body", "a\nb", False),
        ("n", "7", True),
        ("&lt;k&gt;", "[\n  &quot;x&quot;\n]", True),
        ("empty", "&quot;&quot;", True),
    ]


@pytest.mark.parametrize(
    ("value", "html"), [("text", "text"), ({}, "{}"), ([1], "[\n  1\n]"), (None, "null")]
)
def test_other_values_are_one_passage(value: Any, html: str) -> None:
    (passage,) = describe_value(value)

    assert (passage.label, passage.html) == ("", html)


def test_a_long_background_is_cut_and_says_so() -> None:
    (cut,) = describe_value("x" * 30, limit=20)
    (whole,) = describe_value("x" * 30)

    assert cut.html == "x" * 20 + "\n… 10 more characters"
    assert whole.html == "x" * 30


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"id": "m-1", "text": "Where\n is  it?", "n": 9}, "Where is it?"),
        ("0123456789abcdef", "0123456789ab…"),
        ({"n": 1}, '{"n": 1}'),
        ({}, "{}"),
        (None, "null"),
    ],
)
def test_an_excerpt_is_the_longest_text_on_one_line(value: Any, words: str) -> None:
    assert excerpt(value, 12) == words
