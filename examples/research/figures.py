"""The figures that a sentence states: of what, how much, in which unit, and whether it is only planned. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from examples.research.library import Document, Index, Measure

# A subject that is named behind its figure ("30 MW from Norhead") stands close to it.
_REACH: Final = 12
_PLANNED: Final = re.compile(
    r"\b(?:plans|planned|expects?|expected|estimates?|estimated|believes?|would|will|shall)\b",
    re.IGNORECASE,
)
_PLAN: Final = "plan"
_NUMBER: Final = r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one document, in the measure's own unit."""

    subject: str
    measure: str
    value: float
    is_planned: bool
    document: str
    year: int
    quote: str


@dataclass(frozen=True, slots=True)
class _Stated:
    value: float
    measure: Measure
    start: int
    end: int


def read_figures(index: Index, document: Document, sentence: str) -> list[Figure]:
    """Return what a sentence states, at most one figure per subject and measure: the one closest to its words."""
    best: dict[tuple[str, str], tuple[tuple[int, int], Figure]] = {}
    for stated in _find_numbers(index.measures, sentence):
        subject = _attribute(index, document, sentence, stated)
        if subject:
            rank = _rank(stated, sentence)
            place = (subject, stated.measure.key)
            if place not in best or rank < best[place][0]:
                best[place] = (rank, _build(subject, stated, document, sentence))
    return [figure for _, figure in best.values()]


def name_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Return what finds any of these names as whole words, the longest first, with a plural ending."""
    return _compile(tuple(sorted(names, key=len, reverse=True)))


@lru_cache(maxsize=512)
def _compile(names: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})(?:s|es)?\b", re.IGNORECASE)


def _find_numbers(measures: Sequence[Measure], sentence: str) -> Iterator[_Stated]:
    units = {unit: measure for measure in measures for unit in measure.units}
    for found in _unit_pattern(tuple(sorted(units, key=len, reverse=True))).finditer(sentence):
        measure = units[found.group(2)]
        value = float(found.group(1).replace(",", "")) * measure.units[found.group(2)]
        yield _Stated(round(value, 6), measure, found.start(), found.end())


@lru_cache(maxsize=8)
def _unit_pattern(units: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"{_NUMBER} ({'|'.join(map(re.escape, units))})\b")


def _attribute(index: Index, document: Document, sentence: str, stated: _Stated) -> str:
    """Return the subject named last before the figure, or right behind it, else what the document is about."""
    before, behind = (-1, ""), (len(sentence), "")
    for subject in index.subjects:
        for found in name_pattern(subject.names).finditer(sentence):
            if found.start() < stated.start:
                before = max(before, (found.start(), subject.key))
            elif found.start() - stated.end <= _REACH:
                behind = min(behind, (found.start(), subject.key))
    return before[1] or behind[1] or document.about


def _rank(stated: _Stated, sentence: str) -> tuple[int, int]:
    """Order figures of one measure: those behind its fuller name first, then the closest."""
    names = [
        word for word in (stated.measure.name, *stated.measure.words) if word not in stated.measure.units
    ]
    found = [
        (-len(match.group().split()), stated.start - match.end())
        for match in name_pattern(names).finditer(sentence)
        if match.end() <= stated.start
    ]
    return min(found, default=(0, stated.start))


def _build(subject: str, stated: _Stated, document: Document, sentence: str) -> Figure:
    return Figure(
        subject=subject,
        measure=stated.measure.key,
        value=stated.value,
        is_planned=document.kind == _PLAN or _PLANNED.search(sentence) is not None,
        document=document.key,
        year=document.published.year,
        quote=sentence,
    )
