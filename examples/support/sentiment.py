"""The tone of a message, by VADER: a lexicon and rules, made for short texts people write in anger or joy."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

# VADER's own bounds of neutral.
_NEUTRAL: Final = 0.05
_FURIOUS: Final = -0.7


@dataclass(frozen=True, slots=True)
class Tone:
    """How a message sounds.

    Attributes:
        label: negative, neutral or positive.
        score: VADER's compound, -1 to 1.
        is_furious: so negative that a person should answer.
    """

    label: str
    score: float
    is_furious: bool


def read_tone(text: str) -> Tone:
    """Read the tone of a text in English; other languages come out as neutral."""
    score = float(_analyzer().polarity_scores(text)["compound"])
    return Tone(_label(score), score, score <= _FURIOUS)


def _label(score: float) -> str:
    if score <= -_NEUTRAL:
        return "negative"
    return "positive" if score >= _NEUTRAL else "neutral"


@lru_cache(maxsize=1)
def _analyzer() -> "SentimentIntensityAnalyzer":
    # Reads a lexicon of 7,500 lines: only a worker that needs it should.
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
