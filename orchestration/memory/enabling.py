"""Making the table of vectors, and embedding what has no vector yet: both may be done again at any time."""

import hashlib
from collections.abc import Iterator
from typing import Final

import orjson
from django.db import connection

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.memory.embedding import embed_all, get_embedder
from orchestration.memory.vectors import forget_enabled, write_vector

_MAKE: Final = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    """CREATE TABLE IF NOT EXISTS orchestration_memoryvector (
        memory_id bigint, embedder varchar(121), embedding vector NOT NULL, PRIMARY KEY (memory_id, embedder))""",
)
_INDEX: Final = (
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON orchestration_memoryvector "
    "USING hnsw ((embedding::vector({size})) vector_cosine_ops) WHERE embedder = '{embedder}'"
)
# Those of one batch after the other, by id: what comes meanwhile is embedded by whoever writes it.
_MISSING: Final = """
SELECT m.id, CASE WHEN m.search = '' THEN m.key ELSE m.search END AS text FROM orchestration_memory m
WHERE m.id > %(after)s AND m.value_json IS NOT NULL AND m.replaced_by IS NULL AND NOT EXISTS (
    SELECT 1 FROM orchestration_memoryvector v WHERE v.memory_id = m.id AND v.embedder = %(embedder)s)
ORDER BY m.id LIMIT %(limit)s
"""
# Looked at once more: what was forgotten while it was embedded gets no vector.
_FILL: Final = """
INSERT INTO orchestration_memoryvector (memory_id, embedder, embedding)
SELECT m.id, %(embedder)s, e.vector::vector FROM json_to_recordset(%(lines)s::json) AS e(id bigint, vector text)
JOIN (SELECT id FROM orchestration_memory WHERE id = ANY(%(ids)s::bigint[]) AND value_json IS NOT NULL FOR SHARE) m
    ON m.id = e.id
ON CONFLICT (memory_id, embedder) DO NOTHING RETURNING memory_id
"""
_COUNT_OTHERS: Final = """
SELECT count(*) AS number FROM orchestration_memoryvector WHERE embedder <> %(embedder)s
"""
_DROP_OTHERS: Final = """
DELETE FROM orchestration_memoryvector WHERE embedder <> %(embedder)s RETURNING memory_id
"""


def enable() -> None:
    """Make the extension and the table, where they are not.

    Raises: django.db.Error: the server has no such extension, or this role may not make it.
    """
    with connection.cursor() as cursor:
        for statement in _MAKE:
            cursor.execute(statement)
    forget_enabled()


def make_index() -> str:
    """Make the index of the current embedder's vectors, where it is not, and return its name; not in a transaction."""
    embedder = get_embedder()
    name = f"memory_hnsw_{hashlib.sha256(embedder.name.encode()).hexdigest()[:12]}"
    with connection.cursor() as cursor:
        cursor.execute(_INDEX.format(name=name, size=embedder.dimensions, embedder=embedder.name))
    return name


def embed_missing(batch: int) -> Iterator[int]:
    """Embed all memories that have no vector of the current embedder; yield how many each batch was."""
    embedder, after = get_embedder().name, 0
    while True:
        rows = fetch_all(_MISSING, {"after": after, "embedder": embedder, "limit": batch})
        if not rows:
            return
        after = rows[-1].id
        vectors = embed_all([row.text for row in rows])
        lines = [
            {"id": row.id, "vector": write_vector(vector)} for row, vector in zip(rows, vectors, strict=True)
        ]
        about = {"lines": orjson.dumps(lines).decode(), "ids": [row.id for row in rows], "embedder": embedder}
        yield len(fetch_all(_FILL, about))


def count_others() -> int:
    """Return how many vectors are of embedders that are not used any more."""
    found: int = fetch_one(_COUNT_OTHERS, {"embedder": get_embedder().name}).number
    return found


def drop_others() -> int:
    """Delete the vectors of embedders that are not used any more; return how many."""
    return len(fetch_all(_DROP_OTHERS, {"embedder": get_embedder().name}))
