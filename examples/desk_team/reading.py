"""What a customer's message says: its topic, an order, wishes, the words that count. Pure, and the same each time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

OTHER: Final = "other"
_TOPICS: Final[Mapping[str, tuple[str, ...]]] = {
    "delivery": ("order", "parcel", "deliver", "track", "ship", "arrive"),
    "returns": ("return", "refund", "exchange", "money", "warranty"),
    "workshop": ("workshop", "service", "repair", "open", "gear", "puncture"),
    "advice": ("fit", "frame", "seat", "size", "child", "lock"),
}
TOPICS: Final = (*_TOPICS, OTHER)
_WORD: Final = re.compile(r"[a-z]{3,}")
_ORDER: Final = re.compile(r"\bR-[0-9]{4}\b")
_OWN_ORDER: Final = re.compile(r"(?i)\bmy (?:order|parcel|delivery|package)\b")
_NAME: Final = re.compile(r"(?i)\bcall me ([a-z]{2,30})\b")
_SHORT: Final = re.compile(r"(?i)\b(?:keep it|be|short) (?:short|brief|answers)\b")
_WISHES: Final = re.compile(
    r"(?i)[^.!?]*\b(?:call me|keep it short|keep it brief|short answers)\b[^.!?]*[.!?]"
)
_SAYS_NOTHING: Final = re.compile(
    r"about|and|any|are|can|could|did|does|for|from|had|has|have|hello|how|into|its|may|mine|much|not|ones?|our|please|some|"
    r"should|still|than|that|the|them|then|there|they|this|until|what|when|where|which|while|will|with|would|you|your"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as far as it was understood.

    Attributes: question: what is left without wishes.  order: that it names, or None.  is_own_order: it is about an
        order of the customer's.  name, is_short: what the customer wishes, "" and False where nothing was said.
    """

    question: str
    topic: str
    order: str | None
    is_own_order: bool
    name: str
    is_short: bool


def read(text: str) -> Reading:
    """Return what a message says."""
    question = _WISHES.sub("", text).strip() or text.strip()
    order, name = _ORDER.search(text), _NAME.search(text)
    return Reading(
        question=question,
        topic="delivery" if order else _find_topic(question),
        order=order.group() if order else None,
        is_own_order=bool(order or _OWN_ORDER.search(question)),
        name=name.group(1).capitalize() if name else "",
        is_short=_SHORT.search(text) is not None,
    )


def list_words(text: str) -> list[str]:
    """Return the words of a text that say something, each once."""
    words = dict.fromkeys(_WORD.findall(text.casefold()))
    return [word for word in words if not _SAYS_NOTHING.fullmatch(word)]


def measure_cover(groups: Sequence[Sequence[str]], text: str) -> float:
    """Return for which share of groups of words one stands in a text, as the beginning of a word; 0 without groups."""
    words = list_words(text)
    found = [any(word.startswith(tuple(group)) for word in words) for group in groups]
    return sum(found) / len(found) if found else 0.0


def _find_topic(text: str) -> str:
    words = list_words(text)
    counts = {topic: _count(words, beginnings) for topic, beginnings in _TOPICS.items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else OTHER


def _count(words: Iterable[str], beginnings: tuple[str, ...]) -> int:
    return sum(word.startswith(beginnings) for word in words)
