"""What the patterns of a CEL expression (`text.matches(pattern)`) can cost, as far as its text tells.

The library searches in time linear in the text, but by the size of the pattern's program: `(.{0,900}x){1,4}y` over a
mebibyte takes half a minute, in one call that holds the interpreter. Read next: `expressions.py`, `is_dear`.
"""

import re
from math import inf
from typing import Final

from agents.domain.schema_price import estimate_pattern
from orchestration.domain.expression_text import Token

_EASY_BYTES: Final = 20_000
"""A pattern's program; searching with it costs at most a microsecond for a character."""
_RAW: Final = re.compile(r"(?i)b?rb?[\"']")


def price_searches(tokens: list[Token]) -> float:
    """Return the microseconds that the searches of an expression cost for each character; infinite, if unknown.

    Args: tokens: of the expression, without gaps.
    """
    padded = [*tokens, *[Token("gap", "", 0)] * 3]
    return sum(
        _price(padded[at + 2], padded[at + 3])
        for at, token in enumerate(tokens)
        if token.kind == "name" and token.text == "matches" and padded[at + 1].text == "("
    )


def _price(pattern: Token, close: Token) -> float:
    """Return what a pattern costs: one that is computed, hidden by escapes, or large may cost anything."""
    if pattern.kind != "text" or close.text != ")":
        return inf
    if not _RAW.match(pattern.text) and "\\" in pattern.text.replace("\\\\", ""):
        return inf
    return 1.0 if estimate_pattern(pattern.text) <= _EASY_BYTES else inf
