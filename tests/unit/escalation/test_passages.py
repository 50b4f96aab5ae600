from typing import Any

import pytest

from escalation.admin.rendering import describe_value
from escalation.domain.excerpt import excerpt, excerpt_json

_WRAPPED = len('<div class="rm-prose"></div>')


def test_an_object_is_shown_key_by_key() -> None:
    shown = describe_value({"body_text": "a\nb", "n": 7, "<k>": ["x"], "empty": ""})

    assert [(str(p.label), str(p.html), p.is_main) for p in shown] == [
        ("body text", '<div class="rm-prose">a\nb</div>', True),
        ("n", '<span class="rm-plain">7</span>', False),
        ("&lt;k&gt;", '<ul class="rm-list"><li><div class="rm-prose">x</div></li></ul>', False),
        ("empty", '<i class="rm-none">empty text</i>', False),
    ]


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ("text", '<div class="rm-prose">text</div>'),
        ({}, '<i class="rm-none">nothing</i>'),
        ([1], '<ul class="rm-list"><li><span class="rm-plain">1</span></li></ul>'),
        (None, '<i class="rm-none">nothing</i>'),
        (0.7241, '<span class="rm-plain">0.7241</span>'),
        (False, '<span class="rm-plain">no</span>'),
    ],
)
def test_other_values_are_one_passage(value: Any, html: str) -> None:
    (passage,) = describe_value(value)

    assert (passage.label, passage.html) == ("", html)


def test_what_a_value_says_stands_first_and_what_machines_need_is_folded() -> None:
    shown = describe_value({"message_id": "m-1", "subject": "Your lamp", "body": "Dear Ada,\nit comes."})

    assert [(passage.key, passage.is_folded) for passage in shown] == [
        ("body", False),
        ("subject", False),
        ("message_id", True),
    ]


@pytest.mark.parametrize(
    "value",
    ["x" * 20_001, {"long": "x" * 20_001}, [7] * 20_000, {str(n): "x" * 1_001 for n in range(60)}],
)
def test_what_is_long_is_cut_and_says_so(value: Any) -> None:
    shown = describe_value(value)

    assert all(passage.is_cut for passage in shown)
    assert sum(len(passage.html) - _WRAPPED for passage in shown) <= 60_000


@pytest.mark.parametrize("value", ["x" * 20_000, {str(n): n for n in range(61)}, {"k" * 201: 1}, [7] * 900])
def test_what_is_not_long_is_whole_in_one_passage(value: Any) -> None:
    (passage,) = describe_value(value)

    assert not passage.is_cut
    assert passage.label == ""


def test_a_passage_that_ends_at_the_limit_is_whole() -> None:
    (passage,) = describe_value({"k": "x" * 20_000})

    assert (len(passage.html) - _WRAPPED, passage.is_cut) == (20_000, False)


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


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        ('{"id": "m-1", "text": "Where\\n is  it?"}', "Where is it?"),
        ('{"id": "m-1", "text": "Where is the la', "Where is the…"),
        ('{"a long name of a property": "short", "n": [1, 2', "short"),
        ('{"text": "\\u00e4\\u00e4 gr\\u00fc\\u00dfe aus der fer', "ää grüße aus…"),
        ("[1, 2, 3, 4, 5, 6, 7", "[1, 2, 3, 4,…"),
    ],
)
def test_an_excerpt_of_a_beginning(beginning: str, words: str) -> None:
    assert excerpt_json(beginning, 12) == words
