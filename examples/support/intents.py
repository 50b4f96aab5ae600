"""Intents as plain values: labelled texts, guesses, and how well a model was calibrated.

Pure; the classifier itself is `intent_model.py`. Read next: `reading.py`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.support.errors import DataError

# Labels that teach what is *not* to be answered; a guess never carries one of them.
OUT_OF_SCOPE_LABELS: Final = frozenset({"oos", "other"})

# Below this share of certainty nothing is answered without a person; workflows.py uses it for every step.
MIN_CONFIDENCE: Final = 0.85

_FEWEST_TEXTS = 10


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the intent it has."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Guess:
    """The most likely known intent and the probability that it is the right one."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `MIN_CONFIDENCE` means on the texts a model was calibrated on.

    Attributes:
        texts: how many texts.
        answered: share of the texts with a taught intent that would be answered.
        right: share of those answers that are right.
        unseen_escalated: share of the texts with an untaught intent that would go to a person.
    """

    texts: int
    answered: float
    right: float
    unseen_escalated: float


def read_examples(path: Path) -> list[Example]:
    """Read a JSON Lines file of objects with `text` and `intent`.

    Raises:
        DataError: the file is missing, a line is not such an object, or an intent has too few texts.
    """
    examples = list(_parse_lines(path))
    counts = Counter(example.label for example in examples)
    if not counts:
        raise DataError(f"{path}: holds no example; write one JSON object with `text` and `intent` a line.")
    label, count = min(counts.items(), key=lambda entry: entry[1])
    if count < _FEWEST_TEXTS:
        raise DataError(f"{path}: intent {label!r} has {count} texts; give at least {_FEWEST_TEXTS}.")
    return examples


def known_intents(examples: Iterable[Example]) -> set[str]:
    """Return the intents that may be answered."""
    return {example.label for example in examples} - OUT_OF_SCOPE_LABELS


def _parse_lines(path: Path) -> Iterator[Example]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read ({error}); give a JSON Lines file.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse_line(f"{path}:{number}", line)


def _parse_line(place: str, line: str) -> Example:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON ({error}); write one object a line.") from error
    if not isinstance(row, dict):
        raise DataError(f'{place}: not an object; write {{"text": ..., "intent": ...}}.')
    return Example(_read_text(place, row, "text"), _read_text(place, row, "intent"))


def _read_text(place: str, row: dict[str, object], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{place}: `{key}` is missing or no text; give a string.")
    return value
