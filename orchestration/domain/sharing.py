"""How the tokens that a step may be handed are shared among its hand-offs."""

from typing import Final

from orchestration.errors import HandoffTooLarge

LEAST_SUMMARY_TOKENS: Final = 96
"""Below this a summary says nothing: its digest alone costs about 60 tokens."""


def share_tokens(tokens: list[int], most: int) -> list[int]:
    """Return how many tokens of each hand-off may pass, in the order given.

    The small ones pass whole; what is left is shared evenly among the large ones (max-min fairness).

    Raises: HandoffTooLarge: a share would be too small for any summary.
    """
    allowances = list(tokens)
    if sum(tokens) <= most:
        return allowances
    left = most
    by_size = sorted(range(len(tokens)), key=tokens.__getitem__)
    for done, index in enumerate(by_size):
        share = left // (len(tokens) - done)
        allowances[index] = min(tokens[index], share)
        if allowances[index] < tokens[index] and share < LEAST_SUMMARY_TOKENS:
            raise HandoffTooLarge(
                f"{len(tokens)} hand-offs of {sum(tokens)} tokens can't be summarised into {most}; "
                "let an earlier step condense them, or raise HANDOFF_TOKENS"
            )
        left -= allowances[index]
    return allowances
