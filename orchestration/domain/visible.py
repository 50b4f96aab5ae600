"""Makes text safe to judge by eye: what can't be seen, or turns the reading order, is spelled out.

People approve what the screen shows. Bidirectional overrides, zero-width and other unseen characters let text
read differently from what it is, so they are never shown raw. The HTML of it is `admin/visible.py`'s.
"""

import json
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Any

_PLAIN_CONTROLS = frozenset("\n\t")
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks by category, blank on the screen. U+FE0F is let through: it stands in ordinary emoji.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    chr(point) for span in (range(0xFE00, 0xFE0F), range(0xE0100, 0xE01F0)) for point in span
)


def is_unseen(character: str) -> bool:
    """Tell whether a character leaves no mark of its own on the screen or changes how others are read."""
    if character in _PLAIN_CONTROLS:
        return False
    return character in _BLANK or unicodedata.category(character) in _UNSEEN_CATEGORIES


def split_unseen(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces: (piece, False) to show as it is, (spelled-out code points, True) to mark."""
    for unseen, characters in groupby(text, key=is_unseen):
        piece = "".join(characters)
        yield ("".join(f"[U+{ord(c):04X}]" for c in piece) if unseen else piece), unseen


def spell_out(text: str) -> str:
    """Return the text with every unseen character spelled out, for places that can't mark it."""
    return "".join(piece for piece, _ in split_unseen(text))


def pretty_json(value: Any) -> str:
    """Return indented JSON of `value` in which unseen characters stand as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(_escape(c) if is_unseen(c) else c for c in text)


def _escape(character: str) -> str:
    point = ord(character)
    if point <= 0xFFFF:
        return f"\\u{point:04x}"
    high, low = divmod(point - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
