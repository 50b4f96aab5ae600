"""Turns what agents wrote into safe HTML: escaped, and nothing in it unseen.

Which characters are unseen, and how they are spelled out, is `domain/visible.py`'s.
"""

import json
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orchestration.domain.visible import split_unseen

_MOST_CHARACTERS = 100_000


def mark_unseen(text: str) -> SafeString:
    """Return the text escaped, with unseen characters as marked code points."""
    if text.isascii() and text.isprintable():
        return format_html("{}", text)
    pieces = ((_mark(piece) if unseen else piece,) for piece, unseen in split_unseen(text))
    return format_html_join("", "{}", pieces)


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


def _mark(spelled_out: str) -> SafeString:
    return format_html('<span class="rm-unseen">{}</span>', spelled_out)
