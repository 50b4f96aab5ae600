"""Pieces of answers: what a reader makes of them, whatever is lost, doubled or late; and what is none."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.deltas import MOST_BYTES, MOST_DELTAS, Delta, Place, follow, read_deltas, write_deltas

_TEXT = "It is on its way 🚲, and comes on Friday."


def _listen(deltas: Iterable[Delta]) -> tuple[dict[int, str], list[Delta]]:
    """Return what each attempt's text is to a reader, and what the reader was given."""
    place: Place | None = None
    texts: dict[int, str] = {}
    given: list[Delta] = []
    for delta in deltas:
        found = follow(place, delta)
        if found is not None:
            place, new = found
            texts[new.attempt] = texts.get(new.attempt, "")[: new.at] + new.text
            given.append(new)
    return texts, given


_PIECES = st.lists(st.integers(0, len(_TEXT)), max_size=8).map(
    lambda cuts: [(a, b) for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(_TEXT)], strict=True)]
)


@given(pieces=_PIECES, data=st.data())
def test_whatever_is_lost_or_doubled_a_whole_one_makes_up_for_it(
    pieces: list[tuple[int, int]], data: st.DataObject
) -> None:
    sent = [Delta(7, 1, a, _TEXT[a:b]) for a, b in pieces]
    heard = data.draw(st.lists(st.sampled_from(sent), max_size=20))
    texts, given = _listen([*heard, Delta(7, 1, 0, _TEXT)])
    assert texts == {1: _TEXT}
    assert "".join(each.text for each in given) == _TEXT
    for before in range(len(heard)):
        assert _TEXT.startswith(_listen(heard[:before])[0].get(1, ""))


def test_a_newer_try_begins_anew_and_an_older_one_is_heard_no_more() -> None:
    texts, given = _listen(
        [
            Delta(7, 1, 0, "first"),
            Delta(7, 2, 3, "lost its beginning"),
            Delta(7, 2, 0, "second"),
            Delta(7, 1, 5, " zombie"),
        ]
    )
    assert texts == {1: "first", 2: "second"}
    assert [each.attempt for each in given] == [1, 2]


def test_behind_a_gap_nothing_is_added_but_tools_and_the_end_are_told() -> None:
    _, given = _listen(
        [Delta(7, 1, 0, "a"), Delta(7, 1, 9, "z", ("look",)), Delta(7, 1, 9, "z", ("look",), is_over=True)]
    )
    assert given[1:] == [Delta(7, 1, 1, "", ("look",)), Delta(7, 1, 1, "", ("look",), is_over=True)]


def test_nothing_follows_the_end() -> None:
    _, given = _listen([Delta(7, 1, 0, "a", is_over=True), Delta(7, 1, 1, "b"), Delta(7, 1, 0, "ab")])
    assert given == [Delta(7, 1, 0, "a", is_over=True)]


def test_what_is_written_is_read() -> None:
    deltas = [Delta(7, 1, 3, "é🚲", ("look",)), Delta(2**53 - 1, 2, is_over=True)]
    assert read_deltas(write_deltas(deltas).encode()) == deltas


_FINE = {"call": 7, "attempt": 1, "at": 0, "text": "a", "tools": [], "is_over": False}


@pytest.mark.parametrize(
    "change",
    [
        {"call": "7"},
        {"call": True},
        {"call": -1},
        {"at": 1.5},
        {"text": None},
        {"text": "x" * 40_000},
        {"tools": "look"},
        {"tools": [7]},
        {"tools": ["x" * 300]},
        {"is_over": 0},
    ],
)
def test_what_is_none_is_left_out_and_the_rest_is_read(change: dict[str, object]) -> None:
    message = json.dumps([{**_FINE, **change}, _FINE, 7, None]).encode()
    assert read_deltas(message) == [Delta(7, 1, 0, "a")]


@pytest.mark.parametrize("message", [b"", b"{}", b"7", b"\xff\xfe\x00", b"[" * 5_000, b'["\\u0000"]'])
def test_what_is_no_list_of_them_is_none_of_ours(message: bytes) -> None:
    assert read_deltas(message) == []


def test_a_message_is_bounded() -> None:
    assert len(read_deltas(json.dumps([_FINE] * (MOST_DELTAS + 9)).encode())) == MOST_DELTAS
    assert read_deltas(b" " * MOST_BYTES + b"[]") == []
