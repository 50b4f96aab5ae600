"""Hand-offs share the tokens of a step: small ones whole, the rest evenly, never more than all."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestration.domain.sharing import LEAST_SUMMARY_TOKENS, share_tokens
from orchestration.errors import HandoffTooLarge

_TOKENS = st.lists(st.integers(0, 20_000), max_size=40)


@pytest.mark.parametrize(
    ("tokens", "allowances"),
    [
        ([], []),
        ([0, 0], [0, 0]),
        ([4000], [4000]),
        ([4001], [4000]),
        ([1000, 3000], [1000, 3000]),
        ([5000, 100], [3900, 100]),
        ([100, 9000, 9000], [100, 1950, 1950]),
        ([9000, 1200, 9000], [1400, 1200, 1400]),
        ([9000, 1500, 9000], [1333, 1333, 1334]),
    ],
)
def test_small_ones_pass_whole_and_large_ones_share(tokens: list[int], allowances: list[int]) -> None:
    assert share_tokens(tokens, 4000) == allowances


def test_a_share_too_small_for_a_summary_is_refused_with_advice() -> None:
    assert share_tokens([1000, 1000], 2 * LEAST_SUMMARY_TOKENS) == [LEAST_SUMMARY_TOKENS] * 2
    with pytest.raises(HandoffTooLarge, match=r"2 hand-offs of 2000 tokens .* let an earlier step"):
        share_tokens([1000, 1000], 2 * LEAST_SUMMARY_TOKENS - 1)


@given(_TOKENS, st.integers(1, 8_000))
def test_the_sum_never_exceeds_the_most(tokens: list[int], most: int) -> None:
    try:
        allowances = share_tokens(tokens, most)
    except HandoffTooLarge:
        assert sum(tokens) > most
        return
    assert sum(allowances) <= most
    assert all(0 <= allowance <= token for allowance, token in zip(allowances, tokens, strict=True))


@given(_TOKENS, st.integers(1, 8_000))
def test_who_is_shortened_keeps_no_less_than_anybody_and_enough_for_a_summary(
    tokens: list[int], most: int
) -> None:
    try:
        allowances = share_tokens(tokens, most)
    except HandoffTooLarge:
        assume(False)
    cut = [a for a, t in zip(allowances, tokens, strict=True) if a < t]
    whole = [a for a, t in zip(allowances, tokens, strict=True) if a == t]
    assert all(allowance >= LEAST_SUMMARY_TOKENS for allowance in cut)
    if cut:
        assert max(whole, default=0) <= max(cut)
        assert max(cut) - min(cut) <= 1


@given(_TOKENS, st.integers(0, 8_000))
def test_what_fits_passes_whole(tokens: list[int], room: int) -> None:
    assert share_tokens(tokens, sum(tokens) + room) == tokens
