"""How the tokens that a step may be handed are shared among its hand-offs."""

from collections.abc import Sequence
from typing import Final

from orchestration.errors import HandoffTooLarge

LEAST_SUMMARY_TOKENS: Final = 96
"""Below this a summary says nothing: its digest alone costs about 60 tokens."""


def share_tokens(tokens: list[int], most: int, least: Sequence[int] = ()) -> list[int]:
    """Return how many tokens of each hand-off may pass, in the order given.

    The small ones pass whole; what is left is shared evenly among the large ones (max-min fairness).

    Args: least: what each needs once it is shortened, for what is pinned of it; without it room for a summary.
    Raises: HandoffTooLarge: a share would be too small.
    """
    if sum(tokens) <= most:
        return list(tokens)
    needs = least or [LEAST_SUMMARY_TOKENS] * len(tokens)
    fixed: dict[int, int] = {}
    while True:
        allowances = _share(tokens, most - sum(fixed.values()), fixed)
        short = [
            i for i, share in enumerate(allowances) if i not in fixed and share < min(tokens[i], needs[i])
        ]
        if not short:
            return allowances
        if sum(fixed.values()) + sum(min(tokens[i], needs[i]) for i in short) > most:
            raise HandoffTooLarge(
                f"{len(tokens)} hand-offs of {sum(tokens)} tokens can't be summarised into {most}; "
                "let an earlier step condense them, or raise HANDOFF_TOKENS"
            )
        fixed |= {i: min(tokens[i], needs[i]) for i in short}


def _share(tokens: list[int], left: int, fixed: dict[int, int]) -> list[int]:
    """Share evenly among those whose share is not fixed."""
    allowances = [fixed.get(i, count) for i, count in enumerate(tokens)]
    by_size = sorted((i for i in range(len(tokens)) if i not in fixed), key=tokens.__getitem__)
    for done, index in enumerate(by_size):
        allowances[index] = min(tokens[index], max(0, left // (len(by_size) - done)))
        left -= allowances[index]
    return allowances
