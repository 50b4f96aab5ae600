"""Check a report against the documents: every quote must stand there, every figure must be stated by its quote."""

from collections.abc import Iterator, Mapping
from typing import Any

from examples.research.figures import read_figures
from examples.research.library import Library


def find_unfounded(library: Library, report: Mapping[str, Any]) -> list[str]:
    """Return what a report states and its sources do not, in words; nothing when all of it is founded."""
    faults = [fault for claim in report["claims"] for fault in _check(library, claim)]
    uncited = [key for key in report["sources"] if key not in library.documents]
    if not report["claims"]:
        faults.append("The report states nothing.")
    return [*faults, *(f"There is no document {key}." for key in uncited)]


def _check(library: Library, claim: Mapping[str, Any]) -> Iterator[str]:
    document = library.documents.get(claim["document"])
    if document is None or claim["quote"] not in document.sentences:
        yield f"{claim['document']} does not say: {claim['quote']}"
        return
    if "value" in claim:
        stated = [
            figure.value
            for figure in read_figures(library.index, document, claim["quote"])
            if figure.measure == claim["measure"]
        ]
        if claim["value"] not in stated:
            yield f"{claim['document']} does not state {claim['value']:g} for {claim['subject_name']}."
