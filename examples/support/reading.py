"""What a message says, as plain values: its sentences, its language, the order and products it names.

Pure. The classifier reads texts in which names are replaced by placeholders, so that it learns what people
want and not what they happened to buy. Read next: `matching.py`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from examples.support.intents import Example, Guess

ORDER_NUMBER: Final = re.compile(r"#?\b[A-Za-z]\d{4,}\b|#\d{4,}\b")
_ORDER_WORD: Final = "ordernumber"
_PRODUCT_WORD: Final = "product"
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

# Said beside what people want; never the matter itself when something else is asked.
SMALL_TALK: Final = frozenset({"greeting", "thanks"})
# From here on an intent is more than a suspicion.
_LIKELY: Final = 0.6


@dataclass(frozen=True, slots=True)
class Matter:
    """What a message is about.

    Attributes:
        intent: the likeliest intent.
        confidence: how likely it is right.
        others: further matters that the message seems to raise.
    """

    intent: str
    confidence: float
    others: tuple[str, ...] = ()

    @property
    def is_clear(self) -> bool:
        """Tell whether it is more than a suspicion."""
        return self.confidence >= _LIKELY


def fill_placeholders(examples: Iterable[Example]) -> list[Example]:
    """Write the training texts as the classifier will see real ones."""
    return [
        Example(
            example.text.replace("{order}", _ORDER_WORD).replace("{product}", _PRODUCT_WORD).casefold(),
            example.label,
        )
        for example in examples
    ]


def find_order_numbers(text: str) -> list[str]:
    """Return the order numbers that a text names, each once, in order."""
    found = ("#" + number.lstrip("#").upper() for number in ORDER_NUMBER.findall(text))
    return list(dict.fromkeys(found))


def mask_names(text: str, product_names: Iterable[str]) -> str:
    """Replace order numbers and product names (singular or plural) by the placeholders' words."""
    masked = ORDER_NUMBER.sub(_ORDER_WORD, text)
    names = list(product_names)
    for name in sorted([*names, *map(head_word, names)], key=len, reverse=True):
        masked = name_pattern(name).sub(_PRODUCT_WORD, masked)
    return masked.casefold()


def head_word(name: str) -> str:
    """Return the word by which people call a product: the last of its name."""
    return name.rsplit(maxsplit=1)[-1]


def name_pattern(name: str) -> re.Pattern[str]:
    """Return what finds a product's name as whole words, with a plural ending."""
    return re.compile(rf"\b{re.escape(name)}(?:e?s)?\b", re.IGNORECASE)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, without blanks."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def read_matter(text: str, guess: Callable[[Sequence[str]], list[Guess]]) -> Matter:
    """Say what a message is about: the clearest reading of the whole text or of one of its sentences.

    Args:
        text: with names masked.
        guess: the classifier.
    """
    sentences = split_sentences(text)
    guesses = guess([text, *sentences])
    serious = [one for one in guesses if one.label not in SMALL_TALK] if len(sentences) > 1 else []
    pick = max(serious or guesses, key=lambda one: one.confidence)
    if pick.confidence < _LIKELY:
        # Nothing clear was asked: small talk may be all there is ("Thanks! You were great.").
        pick = max(guesses, key=lambda one: one.confidence)
    return Matter(pick.label, pick.confidence, _other_matters(guesses[1:], pick))


def _other_matters(guesses: Sequence[Guess], pick: Guess) -> tuple[str, ...]:
    others = {
        one.label
        for one in guesses
        if one.confidence >= _LIKELY and one.label != pick.label and one.label not in SMALL_TALK
    }
    return tuple(sorted(others))


def read_language(text: str, common_words: dict[str, list[str]]) -> str:
    """Return the code of the language most of whose common words occur, `unknown` without any.

    Args:
        text: as written.
        common_words: the everyday words of each language, by its code.
    """
    words = [word.casefold() for word in _WORD.findall(text)]
    if not words:
        return "unknown"
    hits = {code: sum(word in known for word in words) for code, known in common_words.items()}
    code, count = max(hits.items(), key=lambda entry: entry[1])
    return code if count else "unknown"
