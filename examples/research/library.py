"""The documents and their index, read once per process. Nothing here searches or judges.

A document is a Markdown file with a head (`title`, `published`, `kind`, and if need be `about` and `corrects`) and
one sentence a line. `index.json` names what the documents are about: subjects, the groups they form, and what can
be measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from examples.research import conf
from examples.research.errors import LibraryError

_FENCE: Final = "---"
_INDEX: Final = "index.json"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(_Row):
    """Something documents are about, by every name they use."""

    key: str
    name: str
    aliases: tuple[str, ...] = ()
    group: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names, the first one first."""
        return (self.name, *self.aliases)


class Group(_Row):
    """Subjects that can be asked for together. `hints`: words that mean all of them without naming them."""

    key: str
    name: str
    aliases: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names, the first one first."""
        return (self.name, *self.aliases)


class Measure(_Row):
    """Something that can be measured: its units as factors of the first, and the words that ask for it."""

    key: str
    name: str
    unit: str
    units: Mapping[str, float]
    words: tuple[str, ...]


class Index(_Row):
    """What the documents are about."""

    field: str
    subjects: tuple[Subject, ...]
    groups: tuple[Group, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One document.

    Attributes:
        about: key of the subject it means where it names none; empty when it has no single one.
        corrects: keys of the documents that it says are wrong.
    """

    key: str
    title: str
    published: date
    kind: str
    about: str
    corrects: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """All documents by key, and their index. Equal to itself only: a cache's key, as each folder is read once."""

    index: Index
    documents: Mapping[str, Document]

    def subject(self, key: str) -> Subject:
        """Return a subject of the index.

        Raises: ValueError: there is none of this key.
        """
        for subject in self.index.subjects:
            if subject.key == key:
                return subject
        raise ValueError(f"subject {key!r} is not in the index of the library")

    def measure(self, key: str) -> Measure:
        """Return a measure of the index.

        Raises: ValueError: there is none of this key.
        """
        for measure in self.index.measures:
            if measure.key == key:
                return measure
        raise ValueError(f"measure {key!r} is not in the index of the library")

    def members(self, group: str) -> tuple[Subject, ...]:
        """Return the subjects of a group, in the index's order."""
        return tuple(subject for subject in self.index.subjects if subject.group == group)

    def correction_of(self, document: str) -> Document | None:
        """Return the latest document that says this one is wrong."""
        found = [other for other in self.documents.values() if document in other.corrects]
        return max(found, key=lambda other: other.published, default=None)


def open_library() -> Library:
    """Return the library of the settings.

    Raises: LibraryError: a file is missing or wrong; names it.
    """
    return read_library(conf.library_dir())


@lru_cache(maxsize=4)
def read_library(folder: Path) -> Library:
    """Read a folder of documents; a worker reads each folder once."""
    index = _read_index(folder / _INDEX)
    documents = {path.stem: _read_document(path) for path in sorted(folder.glob("*.md"))}
    if not documents:
        raise LibraryError(f"{folder}: holds no documents; put Markdown files with a head there.")
    known = {subject.key for subject in index.subjects}
    for document in documents.values():
        _check_references(folder, document, known, documents)
    return Library(index, documents)


def _read_index(path: Path) -> Index:
    try:
        return Index.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LibraryError(
            f"{path}: can't be read ({error.strerror}); the index belongs to the documents."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = "/".join(str(part) for part in first["loc"])
        raise LibraryError(f"{path}: {field or 'the file'}: {first['msg']}; correct it.") from error


def _read_document(path: Path) -> Document:
    lines = path.read_text(encoding="utf-8").splitlines()
    if lines[:1] != [_FENCE] or _FENCE not in lines[1:]:
        raise LibraryError(f"{path}: has no head; begin with a line {_FENCE}, fields, and a line {_FENCE}.")
    end = lines.index(_FENCE, 1)
    head = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:end])}
    body = tuple(line.strip() for line in lines[end + 1 :] if line.strip())
    return _build(path, head, body)


def _build(path: Path, head: dict[str, Any], body: tuple[str, ...]) -> Document:
    for field in ("title", "published", "kind"):
        if not head.get(field):
            raise LibraryError(f"{path}: {field} is missing in the head; add it.")
    try:
        published = date.fromisoformat(head["published"])
    except ValueError as error:
        raise LibraryError(
            f"{path}: published is {head['published']!r}; write a date as 2024-05-31."
        ) from error
    corrects = tuple(part.strip() for part in head.get("corrects", "").split(",") if part.strip())
    return Document(path.stem, head["title"], published, head["kind"], head.get("about", ""), corrects, body)


def _check_references(
    folder: Path, document: Document, subjects: set[str], documents: Mapping[str, Document]
) -> None:
    if document.about and document.about not in subjects:
        raise LibraryError(f"{folder / document.key}.md: about is {document.about!r}, not in {_INDEX}.")
    for other in document.corrects:
        if other not in documents:
            raise LibraryError(f"{folder / document.key}.md: corrects {other!r}, which is no document here.")
