"""Cuts what agents wrote into passages that a person reads, as safe HTML with nothing unseen in it.

Pages show the beginning of what is large, and lead to `whole.py`'s pages for the rest. How one value reads is
`reading/`'s.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from escalation.admin.reading import can_show, is_technical, say_key, show_text, show_value
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
    passages = [_passage(key, item, most) for key, item in parts.items()]
    if review is not None:
        passages = [_apply(review, passage) for passage in passages]
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


def _apply(review: Review, passage: Passage) -> Passage:
    """Return a passage as the spec wants it met: what it names itself is never folded unless it says so."""
    label = review.labels.get(passage.key)
    is_main = passage.key == review.main if review.main else passage.is_main
    is_named = is_main or label is not None
    return replace(
        passage,
        label=mark_unseen(label) if label else passage.label,
        is_main=is_main,
        is_folded=passage.key in review.fold or (passage.is_folded and not is_named),
    )


def _passage(key: str, value: Any, most: int) -> Passage:
    text = write_text(value, most=most + 1)
    is_cut = len(text) > most
    is_json = not is_prose(value) and (is_cut or not can_show(value))
    return Passage(
        key,
        say_key(key) if key else SafeString(""),
        _show(value, text[:most], is_json=is_json),
        is_main=is_prose(value) and (len(text) > _LONGEST_FACT or "\n" in text),
        is_folded=bool(key) and is_technical(key),
        is_cut=is_cut,
    )


def _show(value: Any, text: str, *, is_json: bool) -> SafeString:
    if is_json:
        return format_html('<pre class="rm-code">{}</pre>', mark_unseen(text))
    return show_text(text) if is_prose(value) else show_value(value)
