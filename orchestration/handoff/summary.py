"""Extractive summaries: the sentences that carry most, in their own words and order, under a token allowance.

The work is bounded whatever the value is: of long texts, lists and objects the beginning is looked at, and so much in
all. Loads slowly (sumy brings nltk), so only workers that must shorten something import it, by the dotted path in
`RINGMASTER["SUMMARISER"]`. Source: H. P. Luhn, The Automatic Creation of Literature Abstracts, 1958, as in sumy.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.summarizers.luhn import LuhnSummarizer

from orchestration.counting import count_tokens
from orchestration.handoff.summarisers import EXTRACTIVE

NAME: Final = EXTRACTIVE
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
_WORD: Final = re.compile(r"\w+")
# Ranking more than this adds nothing to an abstract of at most a few thousand tokens. Bounds of each part as well as of
# the whole: a long list shall not hide what stands behind it.
_MOST_SENTENCES: Final = 5_000
_MOST_CHARACTERS: Final = 400_000
_MOST_OF_TEXT: Final = 40_000
_MOST_OF_KEY: Final = 100
_MOST_MEMBERS: Final = 1_000


class _Tokenizer:
    """What sumy asks of a tokenizer, without its download of nltk data."""

    def to_words(self, text: str) -> tuple[str, ...]:
        return tuple(_WORD.findall(text.lower()))


class _Ranking(LuhnSummarizer):  # type: ignore[misc]  # sumy says no types
    """Luhn's rating as sumy computes it, of each sentence once: for an abstract of any length."""

    def rank(self, sentences: list[str]) -> list[int]:
        """Return the places of the sentences, those that carry most first."""
        document = ObjectDocumentModel([Paragraph([Sentence(s, _Tokenizer()) for s in sentences])])
        # sumy looks words up in a tuple, which is quadratic for a text of many different words.
        significant = frozenset(self._get_significant_words(document.words))
        ratings = [self.rate_sentence(sentence, significant) for sentence in document.sentences]
        return sorted(range(len(ratings)), key=ratings.__getitem__, reverse=True)


def summarise_extractively(value: Any, allowance_tokens: int) -> tuple[str, str]:
    """Return a summary of a JSON value of at most so many tokens, and the name of the summariser with its version."""
    sentences = _read_sentences(value)
    ranked = _Ranking().rank(sentences)

    def pick(count: int) -> str:
        return "\n".join(sentences[place] for place in sorted(ranked[:count]))

    most = bisect_right(range(len(ranked) + 1), allowance_tokens, key=lambda n: count_tokens(pick(n))) - 1
    return (pick(most) if most > 0 else _cut(sentences[0] if sentences else "", allowance_tokens)), NAME


def _read_sentences(value: Any) -> list[str]:
    sentences: list[str] = []
    left = _MOST_CHARACTERS
    for line in islice(_say(value, ""), _MOST_SENTENCES):
        for sentence in filter(None, map(str.strip, _SENTENCE_END.split(line))):
            left -= len(sentence)
            if left < 0 or len(sentences) == _MOST_SENTENCES:
                return sentences
            sentences.append(sentence)
    return sentences


def _say(value: Any, path: str) -> Iterator[str]:
    """Yield a JSON value as lines of text that keep the path to each leaf."""
    if isinstance(value, dict):
        for key, item in islice(value.items(), _MOST_MEMBERS):
            name = key[:_MOST_OF_KEY]
            yield from _say(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, item in enumerate(islice(value, _MOST_MEMBERS)):
            yield from _say(item, f"{path}[{place}]")
    else:
        text = str(value)[:_MOST_OF_TEXT]
        yield f"{path}: {text}" if path else text


def _cut(text: str, allowance_tokens: int) -> str:
    """Return the longest beginning of a text that fits the allowance."""
    most = bisect_right(range(len(text) + 1), allowance_tokens, key=lambda n: count_tokens(text[:n])) - 1
    return text[: max(most, 0)]
