"""Vectors of memories, where the database has the extension: `manage.py enable_vectors` makes the table.

A vector is found again by memory and embedder; it is written in the transaction that writes the memory, and goes when
that is forgotten. All of a scope are compared, which is exact; an index is for scopes that are too large for that.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
import structlog
from django.db import DataError, ProgrammingError, transaction

from agents.domain.redaction import redact
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_all, fetch_one

log = structlog.get_logger(__name__)
HNSW: Final = "hnsw"
_IS_THERE: Final = "SELECT to_regclass('orchestration_memoryvector') IS NOT NULL AS is_there"
_INSERT: Final = """
INSERT INTO orchestration_memoryvector (memory_id, embedder, embedding)
SELECT m.id, e.embedder, e.vector::vector
FROM json_to_recordset(%(lines)s::json)
    AS e(project bigint, scope text, scope_id text, key text, embedder text, vector text)
JOIN orchestration_memory m ON m.project_id = e.project AND m.scope = e.scope AND m.scope_id = e.scope_id
    AND m.key = e.key AND m.replaced_by IS NULL AND m.written_in = pg_current_xact_id()::text::bigint
ON CONFLICT (memory_id, embedder) DO NOTHING RETURNING memory_id
"""
_known: set[str] = set()


def are_enabled() -> bool:
    """Return whether the table of vectors is there; asked until it is."""
    if HNSW not in _known and fetch_one(_IS_THERE, {}).is_there:
        _known.add(HNSW)
    return HNSW in _known


def forget_enabled() -> None:
    """Ask anew whether the table is there: it was made, or dropped."""
    _known.clear()


def write_vector(vector: Sequence[float]) -> str:
    """Return a vector as the database reads it."""
    return "[" + ",".join(f"{number:.7g}" for number in vector) + "]"


def insert_vectors(embedded: Sequence[Mapping[str, Any]]) -> None:
    """Write vectors of what this transaction has remembered; where that can't be, it is found by words."""
    if embedded:
        about = {"lines": orjson.dumps(list(embedded)).decode()}
        _ask_softly(lambda: fetch_all(_INSERT, about))


def _ask_softly(ask: Callable[[], list[Any]]) -> list[Any] | None:
    """Ask the table of vectors; None: it is not there, not for this role, or has vectors of another length."""
    try:
        with transaction.atomic():
            return ask()
    except (DataError, ProgrammingError) as error:
        forget_enabled()
        log.warning(
            "vectors_failed",
            error=redact(str(error)),
            next="words are compared; `manage.py enable_vectors`, `grant_runtime_role` and `embed_memories` mend it",
        )
        return None


def compare(
    statement: str, about: Mapping[str, Any], vector: Sequence[float], *, embedder: str
) -> list[Any] | None:
    """Return what a statement finds that has `@distance`, `@order` and `@embedder` in place of the comparison.

    Args: vector: of what is compared.  embedder: its name.
    Returns: None where vectors can't be compared after all.
    """
    asked = {**about, "vector": write_vector(vector), "embedder": embedder}
    if get_conf().VECTOR_INDEX != HNSW:
        exact = statement.replace("@distance", "v.embedding <=> %(vector)s::vector")
        exact = exact.replace("@order", "distance, m.id DESC").replace("@embedder", "%(embedder)s")
        return _ask_softly(lambda: fetch_all(exact, asked))
    # As the index says it: by distance alone, in its numbers, and of this embedder, whose name is no parameter.
    size = f"vector({len(vector)})"
    nearest = f"v.embedding::{size} <=> %(vector)s::{size}"
    indexed = statement.replace("@distance", nearest).replace("@order", nearest)

    def ask() -> list[Any]:
        fetch_all("SELECT set_config('hnsw.iterative_scan', 'strict_order', true)", {})
        return fetch_all(indexed.replace("@embedder", f"'{embedder}'"), asked)

    return _ask_softly(ask)
