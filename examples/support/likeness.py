"""Intents without a classifier: a message means what the taught text means that has almost the same words. Pure.

Knows far less than the classifier, and says so: anything but a near repetition of a taught text gets a low confidence.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from examples.support.intents import Example, Guess

_WORD: Final = re.compile(r"\w+")


def guess_by_likeness(examples: Iterable[Example], texts: Sequence[str]) -> list[Guess]:
    """Return for each text the intent of the taught text most like it; the share of common words is the confidence."""
    taught = [(example.label, _words(example.text)) for example in examples]
    return [_guess(taught, _words(text)) for text in texts]


def _guess(taught: Sequence[tuple[str, frozenset[str]]], words: frozenset[str]) -> Guess:
    likeness, label = max((_likeness(words, known), label) for label, known in taught)
    return Guess(label, round(likeness, 4))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
