"""Search: every sentence of the library, ranked by how well it matches a query (TF-IDF, cosine).

Importing this file is cheap; scikit-learn (a second and 80 MB) loads when a worker first searches.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from examples.research.library import Document, Library

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of a document, and how well it matches: 0 to 1."""

    document: Document
    sentence: str
    score: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents count: not these, and none published before that year."""

    leave_out: frozenset[str] = frozenset()
    from_year: int = 0

    def admits(self, document: Document) -> bool:
        """Tell whether a document counts."""
        return document.key not in self.leave_out and document.published.year >= self.from_year


EVERYTHING = Scope()


def search(library: Library, query: str, *, most: int, scope: Scope = EVERYTHING) -> list[Passage]:
    """Return the best matching sentences, the best first; none that shares no word with the query."""
    shelf = _Shelf.of(library)
    scores = shelf.score(query)
    ranked = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    found = [
        Passage(shelf.documents[place], shelf.sentences[place], float(scores[place]))
        for place in ranked
        if scores[place] > 0 and scope.admits(shelf.documents[place])
    ]
    return found[:most]


def cover(library: Library, words: Collection[str]) -> float:
    """Return which share of these words the documents know at all; 1.0 without words."""
    known = _Shelf.of(library).vocabulary()
    return sum(word in known for word in words) / len(words) if words else 1.0


class _Shelf:
    """The library's sentences as a matrix. A sentence is found by its document's title and subject, too."""

    def __init__(self, library: Library) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.documents = [document for document in library.documents.values() for _ in document.sentences]
        self.sentences = [line for document in library.documents.values() for line in document.sentences]
        # Endings of words are parts of them: "yielded" is found by "yield".
        self._vectorizer: Any = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, lowercase=True
        )
        self._words: Any = TfidfVectorizer(stop_words="english")
        texts = [_describe(library, d, s) for d, s in zip(self.documents, self.sentences, strict=True)]
        self._matrix = self._vectorizer.fit_transform(texts)
        self._words.fit(texts)

    @classmethod
    def of(cls, library: Library) -> _Shelf:
        """Return the shelf of a library, made once per process."""
        return _make_shelf(library)

    def score(self, query: str) -> Sequence[float]:
        """Return how well each sentence matches."""
        scores: Sequence[float] = (self._matrix @ self._vectorizer.transform([query]).T).toarray().ravel()
        return scores

    def vocabulary(self) -> Collection[str]:
        """Return every word of the documents, in lower case."""
        words: Collection[str] = self._words.vocabulary_.keys()
        return words


@lru_cache(maxsize=4)
def _make_shelf(library: Library) -> _Shelf:
    return _Shelf(library)


def _describe(library: Library, document: Document, sentence: str) -> str:
    about = library.subject(document.about).name if document.about else ""
    return f"{document.title}. {about}. {sentence}"
