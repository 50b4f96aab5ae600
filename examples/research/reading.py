"""What a question asks: about which subjects and groups, which measures, the most or the least of them. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from examples.research.figures import Figure, name_pattern, read_figures
from examples.research.library import Library

Wanted = Literal["", "most", "least"]

_MOST: Final = re.compile(
    r"\b(?:most|largest|biggest|highest|strongest|greatest|longest|dearest|more|larger|bigger|higher|longer)\b",
    re.IGNORECASE,
)
_LEAST: Final = re.compile(
    r"\b(?:least|smallest|lowest|cheapest|shortest|fewest|less|smaller|lower|cheaper|fewer)\b", re.IGNORECASE
)
_WHY: Final = re.compile(r"\b(?:why|reasons?|how come|what caused)\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
# Short words and words of asking, which any documents have.
_SAYS_NOTHING: Final = re.compile(
    r"(?:the|and|for|are|was|were|wh\w+|how|does|did|has|have|had|with|from|this|that|these|those|than|then|the[ymir]+|"
    r"its|one|can|could|should|would|will|many|much|more|most|least|into|about|between|all|any|each|per|please|tell|"
    r"compare|give|show|say|said|been|being|also|not|but|there)"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as far as it was understood.

    Attributes:
        subjects, groups, measures: keys of the index, in the order of the index.
        wanted: which end of a ranking is asked for, if any.
        asks_why: an explanation is wanted beside figures.
        words: what it is about, in lower case, without words that say nothing.
    """

    subjects: tuple[str, ...]
    groups: tuple[str, ...]
    measures: tuple[str, ...]
    wanted: Wanted
    asks_why: bool
    words: tuple[str, ...]


def read_question(library: Library, question: str) -> Reading:
    """Return what a question asks."""
    index = library.index
    _, hinted = _take(question, ((group.key, group.hints) for group in index.groups))
    left, named = _take(question, ((group.key, group.names) for group in index.groups))
    groups = tuple(group.key for group in index.groups if group.key in {*hinted, *named})
    left, subjects = _take(left, ((subject.key, subject.names) for subject in index.subjects))
    _, measures = _take(left, ((measure.key, measure.words) for measure in index.measures))
    inside = {subject.key for group in groups for subject in library.members(group)}
    return Reading(
        subjects=tuple(key for key in subjects if key not in inside),
        groups=groups,
        measures=measures,
        wanted=_read_wanted(question),
        asks_why=_WHY.search(question) is not None,
        words=tuple(_content_words(question)),
    )


@lru_cache(maxsize=4)
def all_figures(library: Library) -> tuple[Figure, ...]:
    """Return every figure that the documents state."""
    return tuple(
        figure
        for document in library.documents.values()
        for sentence in document.sentences
        for figure in read_figures(library.index, document, sentence)
    )


def known_measures(library: Library, subjects: Iterable[str]) -> dict[str, int]:
    """Return for how many of these subjects the documents state each measure, in the order of the index."""
    wanted = set(subjects)
    stated = {(figure.subject, figure.measure) for figure in all_figures(library) if figure.subject in wanted}
    counts = {measure.key: sum(key == measure.key for _, key in stated) for measure in library.index.measures}
    return {key: count for key, count in counts.items() if count}


def _take(text: str, named: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, tuple[str, ...]]:
    """Return the text without the names that occur, and their keys; a name inside a longer one does not count."""
    names = [(name, key) for key, all_names in named for name in all_names]
    left, found = text, set()
    for name, key in sorted(names, key=lambda pair: -len(pair[0])):
        left, count = name_pattern((name,)).subn(" ", left)
        if count:
            found.add(key)
    order = dict.fromkeys(key for _, key in names)
    return left, tuple(key for key in order if key in found)


def _read_wanted(question: str) -> Wanted:
    if _LEAST.search(question):
        return "least"
    return "most" if _MOST.search(question) else ""


def _content_words(question: str) -> Iterator[str]:
    words = (word.casefold() for word in _WORD.findall(question))
    yield from dict.fromkeys(word for word in words if not _SAYS_NOTHING.fullmatch(word))
