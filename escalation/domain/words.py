"""What a ticket is found by: the words and numbers of JSON values, from their beginning. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

MOST_BYTES: Final = 64 * 1024
# PostgreSQL keeps no longer word in a tsvector, and says so of each.
_LONGEST_WORD: Final = 500
_MOST_CODES_BYTES: Final = 16 * 1024
_MOST_TERMS: Final = 12
_CODE: Final = re.compile(r"\S*\d\S*")
_AROUND: Final = "#.,;:!?()[]{}<>\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"


@dataclass(frozen=True, slots=True)
class Words:
    """What is kept of a ticket for the search.

    Attributes: text: leaf after leaf.  codes: its words with a digit, each once.  is_cut: there was more.
    """

    text: str
    codes: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What a search asks for; all of it must be there.

    Attributes: parts: of words with a digit.  beginnings: of words.  number: of a ticket, if it is nothing else.
    """

    parts: tuple[str, ...]
    beginnings: tuple[str, ...]
    number: int | None


def collect_words(stored: Iterable[str]) -> Words:
    """Return the string and number leaves of stored JSON, one value after the other, up to MOST_BYTES.

    Raises: ValueError, RecursionError: one can't be read.
    """
    kept: list[str] = []
    room, is_cut = MOST_BYTES, False
    for leaf in _list_leaves(json.loads(one, parse_int=str, parse_float=str) for one in stored):
        if room <= 0:
            is_cut = True
            break
        piece = leaf.replace("\x00", " ").encode(errors="ignore")
        is_cut |= len(piece) > room
        kept.append(piece[:room].decode(errors="ignore"))
        room -= len(piece) + 1
    text = "\n".join(" ".join(word for word in leaf.split() if len(word) <= _LONGEST_WORD) for leaf in kept)
    return Words(text, _find_codes(text), is_cut)


def read_terms(search: str) -> Terms:
    """Return what somebody typed into the search, as it can be looked up."""
    typed = [word.strip(_AROUND).lower() for word in search.split()][:_MOST_TERMS]
    words = [word for word in typed if any(character.isalnum() for character in word)]
    number = search.strip().removeprefix("#")
    return Terms(
        parts=tuple(word for word in words if _CODE.fullmatch(word)),
        beginnings=tuple(word for word in words if not _CODE.fullmatch(word)),
        number=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None,
    )


def _list_leaves(values: Iterable[Any]) -> Iterator[str]:
    """Yield strings and numbers in their order; what is nested is taken from a stack, however deep it is."""
    for value in values:
        stack = [value]
        while stack:
            match stack.pop():
                case str(leaf):
                    yield leaf
                case dict(inner):
                    stack.extend(reversed(inner.values()))
                case list(inner):
                    stack.extend(reversed(inner))
                case _:
                    pass  # true, false and null say nothing


def _find_codes(text: str) -> str:
    codes: dict[str, None] = {}
    room = _MOST_CODES_BYTES
    for found in _CODE.finditer(text.lower()):
        code = found[0].strip(_AROUND)
        if code in codes:
            continue
        room -= len(code.encode()) + 1
        if room < 0:
            break
        codes[code] = None
    return " ".join(codes)
