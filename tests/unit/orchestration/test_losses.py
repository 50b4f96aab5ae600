"""What a summary lost is counted by rules that anybody can repeat; what it adds is found."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.domain.losses import dump_loss, find_invented, measure_loss, sum_losses, tell_loss

_ORDER = {
    "order_id": "A-1042",
    "amount": 1200.5,
    "paid": True,
    "note": None,
    "mail": "anna@example.org",
    "text": "She wants 14 days. The invoice is INV-7/2026, see https://shop.example/o/9.",
    "tags": ["late", "late"],
}
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=20,
)


def test_what_stands_in_a_summary_is_kept_and_the_rest_is_missing() -> None:
    loss = measure_loss(_ORDER, "Order A-1042 over 1,200.50 is late; paid: true", {})

    assert (loss.leaves, loss.kept, loss.pinned) == (8, 5, 0)
    assert (loss.numbers, loss.missing_numbers) == (2, 1)  # 1200.5 and 14
    assert (loss.identifiers, loss.missing_identifiers) == (4, 3)


def test_what_is_pinned_is_not_missing() -> None:
    pinned = {"/order_id": "A-1042", "/mail": "anna@example.org", "/amount": 1200.5, "/note": None}
    loss = measure_loss(_ORDER, "She wants something.", pinned)

    assert (loss.pinned, loss.kept, loss.missing_numbers, loss.missing_identifiers) == (4, 4, 1, 2)


def test_a_place_in_a_list_is_no_number_of_the_original() -> None:
    loss = measure_loss({"rows": [0, 1]}, "rows[0]: zero\nrows[1]: one", {})
    assert (loss.numbers, loss.missing_numbers, loss.kept) == (2, 2, 0)


@pytest.mark.parametrize(
    ("original", "text", "invented"),
    [
        ({"a": 1200.5}, "1,200.50 or 1200.5 or €1200.5", set()),
        ({"a": 1e21, "b": 1e-7}, "1e21, 1e+21 and 1e-7", set()),
        ({"a": "A-1042"}, "order 1042", set()),
        ({"q3_2024": 1}, "in 2024", set()),
        ({"a": 7}, "seven, or 07", set()),
        ({"a": "3\uff14"}, "34", set()),
        ({"a": 14}, "15 days", {"15"}),
        ({"a": [1, 2, 3]}, "3 of 12", {"12"}),
        ({"a": "\u0661\u0662"}, "12 and 21", {"21"}),
        ({"a": -5}, "5, or -5", set()),
    ],
)
def test_a_number_that_the_original_has_not_is_found(original: Any, text: str, invented: set[str]) -> None:
    assert find_invented(original, text) == invented


@given(_JSON)
def test_a_summary_that_says_everything_loses_nothing_and_invents_nothing(value: Any) -> None:
    loss = measure_loss(value, "", {"": value})
    assert (loss.kept, loss.pinned) == (loss.leaves, loss.leaves)
    assert (loss.missing_numbers, loss.missing_identifiers) == (0, 0)


@given(_JSON, st.text())
def test_counts_are_within_their_bounds_and_the_same_each_time(value: Any, text: str) -> None:
    loss = measure_loss(value, text, {})
    assert 0 <= loss.kept <= loss.leaves
    assert 0 <= loss.missing_numbers <= loss.numbers
    assert 0 <= loss.missing_identifiers <= loss.identifiers
    assert loss == measure_loss(value, text, {})


def test_losses_are_told_and_summed() -> None:
    loss = json.loads(dump_loss(measure_loss(_ORDER, "A-1042", {}), fell_back="empty"))
    assert tell_loss(loss) == (
        "1 of 8 values kept; 2 of 2 numbers missing; 3 of 4 identifiers missing; the summary was empty"
    )
    assert sum_losses([loss, loss])["missing_numbers"] == 4
    assert sum_losses([]) == dict.fromkeys(sum_losses([loss]), 0)
