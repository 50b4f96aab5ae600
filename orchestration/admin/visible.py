"""Turns what agents wrote into safe HTML: escaped, and nothing in it unseen.

Bidirectional overrides, zero-width and control characters let a text read differently from what it is; here
they are spelled out and marked.
"""

import json
import unicodedata
from itertools import groupby
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_PLAIN = frozenset("\n\t")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks by category, but blank on a screen.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    chr(point) for span in (range(0xFE00, 0xFE0F), range(0xE0100, 0xE01F0)) for point in span
)
_MOST_CHARACTERS = 100_000


def is_unseen(character: str) -> bool:
    """Tell whether a character leaves no mark on a screen or changes how others are read."""
    return character in _BLANK or (character not in _PLAIN and unicodedata.category(character) in _UNSEEN)


def mark_unseen(text: str) -> SafeString:
    """Return the text escaped, with unseen characters as marked code points."""
    if text.isascii() and text.isprintable():
        return format_html("{}", text)
    pieces = ((unseen, "".join(group)) for unseen, group in groupby(text, key=is_unseen))
    return format_html_join("", "{}", ((_mark(piece) if unseen else piece,) for unseen, piece in pieces))


def show_json(stored: str) -> SafeString:
    """Return stored JSON indented, escaped and with unseen characters marked; cut where it is very long."""
    text = json.dumps(json.loads(stored), indent=2, ensure_ascii=False)
    if len(text) <= _MOST_CHARACTERS:
        return mark_unseen(text)
    rest = len(text) - _MOST_CHARACTERS
    return format_html("{}\n… and {} more characters", mark_unseen(text[:_MOST_CHARACTERS]), rest)


def show_short(value: Any) -> str:
    """Return a JSON object on one line as `key: value` pairs."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(f"{key}: {_say(item)}" for key, item in value.items())


def _say(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _mark(piece: str) -> SafeString:
    return format_html('<span class="rm-unseen">{}</span>', "".join(f"[U+{ord(c):04X}]" for c in piece))
