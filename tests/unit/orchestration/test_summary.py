"""A summary never costs more than its allowance, says nothing of its own, and keeps the original's order."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.counting import count_tokens
from orchestration.handoff.summary import NAME, summarise_extractively

_LETTER = {
    "subject": "My lamp",
    "text": (
        "The lamp arrived on Monday. The glass of the lamp is broken. I would like a new lamp. "
        "My neighbour says hello! Please send the new lamp to the old address; I am at home on Friday."
    ),
    "items": [{"sku": "L-1", "count": 1}],
}
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_summary_is_never_over_its_allowance(value: Any, allowance: int) -> None:
    text, name = summarise_extractively(value, allowance)
    assert count_tokens(text) <= allowance
    assert name == NAME


@pytest.mark.parametrize("allowance", [10, 30, 60])
def test_it_quotes_whole_sentences_in_order_and_names_their_path(allowance: int) -> None:
    text, _ = summarise_extractively(_LETTER, allowance)
    whole, _ = summarise_extractively(_LETTER, 10_000)
    said, all_lines = text.split("\n"), whole.split("\n")
    assert "subject: My lamp" in all_lines
    assert "items[0].sku: L-1" in all_lines
    assert [line for line in all_lines if line in said] == said


def test_a_single_long_sentence_is_cut_rather_than_dropped() -> None:
    text, _ = summarise_extractively({"text": "word " * 500}, 20)
    assert text.startswith("text: word word")
    assert 15 <= count_tokens(text) <= 20


def _nest(levels: int, inner: Any) -> Any:
    for level in range(levels):
        inner = {f"level {level}": inner} if level % 2 else [inner]
    return inner


_LARGE = {
    "one word": "x" * 1_048_000,
    "words": "".join(f"word{n} " for n in range(100_000)),
    "sentences": "".join(f"Sentence {n} is about {n % 97}. " for n in range(30_000)),
    "spaces": " " * 1_000_000,
    "ends": "." * 1_000_000,
    "numbers": list(range(350_000)),
    "keys": {f"k{n}": n for n in range(80_000)},
    "a long key": {"k" * 500_000: list(range(70_000))},
    "a deep nest": _nest(31, list(range(100_000))),
    "lists of lists": [[[n, n + 1] for n in range(50)] for _ in range(2_000)],
    "controls": "\x01\n" * 170_000,
}


@pytest.mark.parametrize("name", _LARGE)
def test_its_work_is_bounded_whatever_the_value_is(name: str) -> None:
    began = time.process_time()
    text, _ = summarise_extractively(_LARGE[name], 3_900)
    assert time.process_time() - began < 1.5
    assert count_tokens(text) <= 3_900
    assert bool(text) == (name != "spaces")


def test_a_long_list_does_not_hide_what_stands_behind_it() -> None:
    value = {"log": list(range(9_000)), "refund": "The refund was refused twice."}
    text, _ = summarise_extractively(value, 10_000)
    assert "refused" in text
