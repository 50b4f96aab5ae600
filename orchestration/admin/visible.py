"""Turns what agents wrote into safe HTML: escaped, and nothing in it unseen.

Which characters are unseen, and how they are spelled out, is `domain/visible.py`'s.
"""

import json
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from orchestration.domain.visible import lay_out, split_unseen

_MOST_CHARACTERS = 100_000


def mark_unseen(text: str) -> SafeString:
    """Return the text escaped, with unseen characters as marked code points."""
    pieces = (_mark(piece) if unseen else escape(piece) for piece, unseen in split_unseen(text))
    return mark_safe("".join(pieces))  # noqa: S308 - each piece is escaped


def show_json(stored: str) -> SafeString:
    """Return stored JSON in lines, escaped and with unseen characters marked; cut where it is very long."""
    text = lay_out(json.loads(stored), most=_MOST_CHARACTERS)
    rest = len(stored) - _MOST_CHARACTERS
    if rest <= 0:
        return mark_unseen(text)
    return format_html("{}\n… and {} more characters", mark_unseen(text), rest)


def show_short(value: Any) -> str:
    """Return a JSON object on one line as `key: value` pairs."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(f"{key}: {_say(item)}" for key, item in value.items())


def _say(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _mark(spelled_out: str) -> str:
    return f'<span class="rm-unseen">{escape(spelled_out)}</span>'
