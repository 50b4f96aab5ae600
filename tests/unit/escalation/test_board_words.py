"""How the board puts figures into words."""

import pytest

from escalation.admin.board.tables import show_most


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "9 of 10 in under 1 s"), (1, "9 of 10 within 1 s"), (180, "9 of 10 within 3 min")],
)
def test_within_what_nine_of_ten_were(seconds: float | None, words: str) -> None:
    assert show_most(seconds) == words
