"""What a ticket is found by."""

import json

import pytest

from escalation.domain.words import MOST_BYTES, Terms, collect_words, read_terms


def test_leaves_are_collected_in_their_order_and_names_are_not() -> None:
    value = json.dumps({"subject": "Late", "rows": [1, 2.5, {"code": "K-4711"}], "ok": True, "none": None})
    words = collect_words([value, '"second"'])
    assert words.text.split("\n") == ["Late", "1", "2.5", "K-4711", "second"]
    assert (words.codes, words.is_cut) == ("1 2.5 k-4711", False)


def test_numbers_stand_as_they_were_written() -> None:
    assert collect_words(["[12345678901234567890123, 1.10]"]).text == "12345678901234567890123\n1.10"


def test_only_the_beginning_is_kept_and_said_to_be() -> None:
    words = collect_words([json.dumps(["ä" * 400 + " ", "early"] + ["wörter "] * 20_000 + ["late"])])
    assert len(words.text.encode()) <= MOST_BYTES
    assert words.is_cut
    assert "early" in words.text
    assert "late" not in words.text


def test_a_cut_within_a_letter_loses_only_that() -> None:
    words = collect_words([json.dumps("ab " * 21_845 + "ää")])
    assert words.is_cut
    assert words.text.endswith("ab")


def test_a_value_of_just_that_size_is_whole() -> None:
    assert not collect_words([json.dumps("ab " * (MOST_BYTES // 3))]).is_cut


def test_deep_values_are_read() -> None:
    assert collect_words(["[" * 900 + '"deep"' + "]" * 900]).text == "deep"


def test_what_no_index_takes_is_left_out() -> None:
    assert collect_words([json.dumps("a\x00b " + "x" * 600 + " c")]).text == "a b c"


@pytest.mark.parametrize("stored", ["{", '"\\ud800"x'])
def test_what_can_not_be_read_says_so(stored: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        collect_words([stored])


@pytest.mark.parametrize(
    ("search", "terms"),
    [
        ("Lamp K-47", Terms(("k-47",), ("lamp",), None)),
        ("#12", Terms(("12",), (), 12)),
        ("  12 ", Terms(("12",), (), 12)),
        ("?! --", Terms((), (), None)),
        ("“order” (7)", Terms(("7",), ("order",), None)),
    ],
)
def test_terms(search: str, terms: Terms) -> None:
    assert read_terms(search) == terms


def test_a_search_has_so_many_terms_at_most() -> None:
    assert len(read_terms("word " * 100).beginnings) == 12
