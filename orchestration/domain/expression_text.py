"""The text of a CEL expression: its tokens, and the bounds it is held to before the library reads it.

The library reads expressions by recursion: a long chain of operators overflows the stack and ends the process, and
brackets nested too deeply make it panic. Nothing here evaluates. Read next: `expressions.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_CHARACTERS: Final = 10_000
MAX_NESTING: Final = 40
"""Brackets within brackets; the library itself gives up below twice as many."""
MAX_OPERATORS: Final = 1_000
"""Operators, members and calls. A thousand in one chain still fit a stack of 2 MiB, the smallest a thread has."""

_OPEN: Final = "([{"
_CLOSE: Final = ")]}"
_QUIET: Final = frozenset({*_CLOSE, ",", ":"})
# In this order: a raw text has no escapes, and three quotes must not be read as an empty text and one quote.
_TOKEN: Final = re.compile(
    r"""
      (?P<gap>[ \t\r\n\f]+ | //[^\n]*)
    | (?P<text> (?:[rR][bB]?|[bB][rR]) (?: \"{3} .*? \"{3} | '{3} .*? '{3} | "[^"\r\n]*" | '[^'\r\n]*' )
              | [bB]? (?: \"{3} (?:[^\\]|\\.)*? \"{3} | '{3} (?:[^\\]|\\.)*? '{3}
                        | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*' ) )
    | (?P<number> 0[xX][0-9a-fA-F]+[uU]? | (?:[0-9]+\.[0-9]+ | \.[0-9]+ | [0-9]+) (?:[eE][+-]?[0-9]+)? [uU]? )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<mark> \|\| | && | [<>=!]= | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Unreadable(ValueError):
    """The text is not CEL; the library says better where."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression: its kind (gap, text, number, name, mark), its text, and where it begins."""

    kind: str
    text: str
    at: int


def read_tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of an expression; together they are its whole text, whether it is CEL or not."""
    for match in _TOKEN.finditer(source):
        yield Token(str(match.lastgroup), match.group(), match.start())


def find_excess(source: str) -> str | None:
    """Return by how much an expression is out of bounds, in words; None if it may be compiled."""
    if len(source) > MAX_CHARACTERS:
        return (
            f"it has {len(source)} characters, at most {MAX_CHARACTERS} are allowed; move data into the input"
        )
    depth = operators = 0
    for token in read_tokens(source):
        if token.kind != "mark" and token.text != "in":
            continue
        operators += token.text not in _QUIET
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if depth > MAX_NESTING:
            return f"its brackets are nested more than {MAX_NESTING} deep; split it into steps"
    if operators > MAX_OPERATORS:
        return f"it has {operators} operators, at most {MAX_OPERATORS} are allowed; split it into steps"
    return None
