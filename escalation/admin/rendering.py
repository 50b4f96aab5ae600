"""Cuts what agents wrote into passages that a person reads, as safe HTML with nothing unseen in it.

Pages show the beginning of what is large, and lead to `whole.py`'s pages for the rest. How one value reads is
`reading/`'s.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from escalation.admin.reading import Manner, can_show, is_technical, show_text, show_value
from orchestration.admin.visible import mark_unseen
from orchestration.domain.spec import Review
from orchestration.domain.visible import pretty_json

# More keys, or longer ones, are no headings: such an object is shown as JSON.
_MOST_PASSAGES = 60
_LONGEST_LABEL = 200
_MOST_CHARACTERS = 20_000
# Of one value; shared by its passages, but each shows at least this many.
_MOST_TOGETHER = 60_000
_FEWEST = 1_000
# A text that is longer, or has lines, is what the value says; shorter ones are facts beside it.
_LONGEST_FACT = 120


@dataclass(frozen=True, slots=True)
class Passage:
    """One part of a value as a person reads it.

    Attributes:
        key: the property it is of; "" for a whole value.
        label: its key in words, or "".
        html: safe HTML.
        is_main: it is what the value says, not a fact beside it.
        is_folded: it is for machines: pages fold it away.
        is_cut: only its beginning is shown.
    """

    key: str
    label: SafeString
    html: SafeString
    is_main: bool
    is_folded: bool
    is_cut: bool


def describe_value(value: Any, review: Review | None = None) -> list[Passage]:
    """Return a JSON value as passages, an object one for each key: what it says, facts, and what is folded.

    Args: review: what the spec says of its fields; without it their shapes and names decide.
    """
    parts = cut_value(value)
    most = max(_FEWEST, min(_MOST_CHARACTERS, _MOST_TOGETHER // len(parts)))
    manner = Manner.of(review)
    passages = [
        _passage(key, item, most, manner.below(key) if key else manner) for key, item in parts.items()
    ]
    return sorted(passages, key=lambda passage: (passage.is_folded, not passage.is_main))


def cut_value(value: Any) -> dict[str, Any]:
    """Return the parts of a value that are shown one by one, by key; "" for a value that is one part."""
    if not isinstance(value, dict) or not 0 < len(value) <= _MOST_PASSAGES:
        return {"": value}
    return value if all(len(key) <= _LONGEST_LABEL for key in value) else {"": value}


def write_text(value: Any, *, most: int | None = None) -> str:
    """Return a part of a value as text: a text as it is, all else as JSON.

    Args: most: characters behind which the rest may be left out.
    """
    return value if is_prose(value) else pretty_json(value, most=most)


def is_prose(value: Any) -> bool:
    """Tell whether a part is shown as text and not as JSON."""
    return isinstance(value, str) and value != ""


def _passage(key: str, value: Any, most: int, manner: Manner) -> Passage:
    """Return a part as it is shown. What the spec names itself is never folded unless it says so."""
    text = write_text(value, most=most + 1)
    is_cut = len(text) > most
    is_json = not is_prose(value) and (is_cut or not can_show(value))
    is_main = (
        manner.is_main if manner.main else is_prose(value) and (len(text) > _LONGEST_FACT or "\n" in text)
    )
    return Passage(
        key,
        manner.name if key else SafeString(""),
        _show(value, text[:most], manner, is_json=is_json, is_cut=is_cut),
        is_main=is_main,
        is_folded=bool(key)
        and (manner.is_folded or (is_technical(key) and not is_main and not manner.is_named)),
        is_cut=is_cut,
    )


def _show(value: Any, text: str, manner: Manner, *, is_json: bool, is_cut: bool) -> SafeString:
    if is_json:
        return format_html('<pre class="rm-code">{}</pre>', mark_unseen(text))
    # The beginning of an address leads elsewhere than the address.
    return show_text(text) if is_cut else show_value(value, manner)
