"""What is wished of a threshold, as people write it. Pure."""

from typing import Final

WISHED_ERROR: Final = 0.05
"""The share of wrong outputs that may be accepted unseen, where nobody says another."""
DAYS: Final = 90
"""How far back decisions count, where nobody says otherwise."""
MOST_DAYS: Final = 3650


def read_share(text: str) -> float:
    """Return a share above 0 and below 1.

    Raises: ValueError: says what is wrong.
    """
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise ValueError(f"'{text[:40]}' is no share above 0 and below 1, such as 0.05")
    return share


def read_days(text: str) -> int:
    """Return a number of days.

    Raises: ValueError: says what is wrong.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 0 < int(text) <= MOST_DAYS):
        raise ValueError(f"'{text[:40]}' is no number of days from 1 to {MOST_DAYS}")
    return int(text)
