"""Extractive summaries: the sentences that carry most, in their own words and order, under a token allowance.

Loads slowly (sumy brings nltk), so only workers that must shorten something import it, by the dotted path in
`RINGMASTER["SUMMARISER"]`. Source: H. P. Luhn, The Automatic Creation of Literature Abstracts, 1958, as in sumy.
"""

import re
from bisect import bisect_right
from typing import Any

from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.summarizers.luhn import LuhnSummarizer

from orchestration.handoff.tokens import count_tokens

NAME = "sumy.luhn@0.13"
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_WORD = re.compile(r"\w+")
# Ranking more than this adds nothing to an abstract of at most a few thousand tokens.
_MOST_SENTENCES = 5_000


class _Tokenizer:
    """What sumy asks of a tokenizer, without its download of nltk data."""

    def to_words(self, text: str) -> tuple[str, ...]:
        return tuple(_WORD.findall(text.lower()))


def summarise_extractively(value: Any, allowance_tokens: int) -> tuple[str, str]:
    """Return a summary of a JSON value of at most so many tokens, and the name of the summariser with its version."""
    sentences = [part for line in _say(value, "") for part in _SENTENCE_END.split(line) if part.strip()]
    document = ObjectDocumentModel(
        [Paragraph([Sentence(s, _Tokenizer()) for s in sentences[:_MOST_SENTENCES]])]
    )
    summarizer = LuhnSummarizer()

    def pick(count: int) -> str:
        return "\n".join(str(sentence) for sentence in summarizer(document, count)) if count else ""

    most = bisect_right(range(len(sentences) + 1), allowance_tokens, key=lambda n: count_tokens(pick(n))) - 1
    return (pick(most) if most > 0 else _cut(sentences[0] if sentences else "", allowance_tokens)), NAME


def _say(value: Any, path: str) -> list[str]:
    """Return a JSON value as lines of text that keep the path to each leaf."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _say(item, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [line for i, item in enumerate(value) for line in _say(item, f"{path}[{i}]")]
    return [f"{path}: {value}" if path else str(value)]


def _cut(text: str, allowance_tokens: int) -> str:
    """Return the longest beginning of a text that fits the allowance."""
    most = bisect_right(range(len(text) + 1), allowance_tokens, key=lambda n: count_tokens(text[:n])) - 1
    return text[: max(most, 0)]
