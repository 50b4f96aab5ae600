"""What a researcher brings: for each measure the figure that matches best, what else was seen, and sentences.

A researcher finds and does not judge. Sent back, it searches wider, takes the latest of what it finds, and reads
from the feedback which documents to leave out and from which year on they count: "Leave out: plan-2017. Use documents
of 2023 or later." People may write the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from examples.research.figures import Figure, read_figures
from examples.research.library import Library
from examples.research.searching import EVERYTHING, Passage, Scope, search

_SENTENCES: Final = 12
_SENTENCES_AGAIN: Final = 40
_MOST_OTHERS: Final = 2
_MOST_NOTES: Final = 2
_LEAVE_OUT: Final = re.compile(r"leave out:? ([\w-]+(?:, [\w-]+)*)", re.IGNORECASE)
_FROM_YEAR: Final = re.compile(r"\b(\d{4}) or later", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Errand:
    """What one researcher is to find out. `subject`: key of the index, empty for anything."""

    subject: str
    measures: Sequence[str]
    question: str
    asks_why: bool


def read_scope(feedback: str | None) -> Scope:
    """Return which documents count after a feedback."""
    if not feedback:
        return EVERYTHING
    left_out = [key for found in _LEAVE_OUT.findall(feedback) for key in found.split(", ")]
    years = [int(year) for year in _FROM_YEAR.findall(feedback)]
    return Scope(frozenset(left_out), max(years, default=0))


def find_out(library: Library, errand: Errand, scope: Scope) -> dict[str, Any]:
    """Return the figures and sentences for an errand, as the step's output."""
    figures, others, missing = [], [], []
    for measure in errand.measures:
        seen = _find_figures(library, errand.subject, measure, scope)
        if not seen:
            missing.append(measure)
            continue
        figures.append(describe_figure(seen[0]))
        others += [_describe_other(figure) for figure in seen[1:][:_MOST_OTHERS]]
    notes = _find_notes(library, errand, scope) if errand.asks_why or not errand.measures else []
    return {
        "subject": errand.subject,
        "figures": figures,
        "others": others,
        "missing": missing,
        "notes": [_describe_note(passage) for passage in notes],
    }


def describe_figure(figure: Figure) -> dict[str, Any]:
    """Return a figure with its source and the sentence it stands in."""
    return _describe_other(figure) | {"quote": figure.quote}


def _describe_other(figure: Figure) -> dict[str, Any]:
    return {
        "measure": figure.measure,
        "value": figure.value,
        "year": figure.year,
        "is_planned": figure.is_planned,
        "document": figure.document,
    }


def _describe_note(passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.document.key,
        "year": passage.document.published.year,
        "quote": passage.sentence,
        "match": round(passage.score, 3),
    }


def _find_figures(library: Library, subject: str, measure_key: str, scope: Scope) -> list[Figure]:
    """Return figures of one measure, the best match first, each document once."""
    measure = library.measure(measure_key)
    name = library.subject(subject).name if subject else ""
    most = _SENTENCES if scope is EVERYTHING else _SENTENCES_AGAIN
    query = f"{name} {name} {measure.name} {measure.unit}"
    found: dict[str, Figure] = {}
    for passage in search(library, query, most=most, scope=scope):
        for figure in read_figures(library.index, passage.document, passage.sentence):
            if figure.measure == measure_key and subject in {"", figure.subject}:
                found.setdefault(figure.document, figure)
    if scope is EVERYTHING:
        return list(found.values())
    # What matched best was not good enough: take the latest that is more than a plan.
    return sorted(found.values(), key=lambda figure: (figure.is_planned, -figure.year))


def _find_notes(library: Library, errand: Errand, scope: Scope) -> list[Passage]:
    return search(library, errand.question, most=_MOST_NOTES, scope=scope)
