from typing import Any

import pytest

from escalation.admin.rendering import describe_value
from escalation.domain.excerpt import excerpt


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
