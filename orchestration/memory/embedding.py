"""Texts as vectors, by whichever embedder the installation names; loaded in the process that needs it.

An embedder says its name, `<name>@<version>`, which stands with each vector: those of different ones are not compared.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Protocol

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from agents.domain.classification import describe_error
from orchestration.conf import get_conf
from orchestration.memory.lines import MemoryLine
from orchestration.memory.vectors import are_enabled, write_vector

log = structlog.get_logger(__name__)
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,60}@[A-Za-z0-9._-]{1,60}")
MOST_DIMENSIONS: Final = 2_000
"""More can't be in an index of vectors."""
_LARGEST: Final = 3.4e38


class Embedder(Protocol):
    """Makes vectors of texts. Built without arguments, once in a process; any thread may use it."""

    @property
    def name(self) -> str:
        """Return `<name>@<version>`; another model or another version has another name."""

    @property
    def dimensions(self) -> int:
        """Return how many numbers each vector has."""

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in their order."""


@lru_cache(maxsize=2)
def _build(path: str) -> Embedder:
    embedder: Embedder = import_string(path)()
    if not _NAME.fullmatch(embedder.name):
        raise ImproperlyConfigured(
            f"RINGMASTER['EMBEDDER']: {path} calls itself {embedder.name!r:.80}; name it <name>@<version>, in letters, "
            "digits, dots and dashes"
        )
    if not 1 <= embedder.dimensions <= MOST_DIMENSIONS:
        raise ImproperlyConfigured(
            f"RINGMASTER['EMBEDDER']: {path} makes vectors of {embedder.dimensions} numbers; 1 to {MOST_DIMENSIONS:,} "
            "can be compared"
        )
    return embedder


def get_embedder() -> Embedder:
    """Return the embedder of `RINGMASTER["EMBEDDER"]`; it is built when it is needed first.

    Raises: ImportError: it, or what it needs, can't be imported.  ImproperlyConfigured: it is none.
    """
    return _build(get_conf().EMBEDDER)


def embed_all(texts: Sequence[str]) -> list[list[float]]:
    """Return a vector for each text.

    Raises: ValueError: the embedder gave something else.  Anything that it raises.
    """
    embedder = get_embedder()
    vectors = [[float(number) for number in vector] for vector in embedder.embed(list(texts))]
    if len(vectors) != len(texts) or any(len(vector) != embedder.dimensions for vector in vectors):
        raise ValueError(f"{embedder.name} did not give {embedder.dimensions} numbers for each text")
    # NaN is neither below nor above; what is larger does not fit into a vector's numbers.
    if any(not -_LARGEST <= number <= _LARGEST for vector in vectors for number in vector):
        raise ValueError(f"{embedder.name} gave numbers that are none, or beyond {_LARGEST}")
    return vectors


def embed_text(text: str) -> list[float] | None:
    """Return the vector of one text; None where vectors are not enabled, or none could be made of it."""
    found = embed_softly([text])
    return found[0] if found else None


def embed_softly(texts: Sequence[str]) -> list[list[float]]:
    """Return a vector for each text; none where vectors are not enabled, or the embedder fails: words are found."""
    if not texts or not are_enabled():
        return []
    try:
        return embed_all(texts)
    except Exception as error:  # noqa: BLE001 - it is anybody's code, and no step may fail for it
        log.warning(
            "not_embedded",
            texts=len(texts),
            error=describe_error(error),
            next="found by words only; `manage.py embed_memories` embeds what has no vector once it works",
        )
        return []


def embed_lines(lines: Sequence[MemoryLine]) -> list[MemoryLine]:
    """Return vectors of what is to be remembered, as `insert_vectors` reads them; none where they are not enabled."""
    vectors = embed_softly([line["search"] or line["key"] for line in lines])
    return [
        {name: line[name] for name in ("project", "scope", "scope_id", "key")}
        | {"embedder": get_embedder().name, "vector": write_vector(vector)}
        for line, vector in zip(lines, vectors, strict=False)
    ]
