"""Runs one SQL statement on Django's connection, prepared on the server.

Django's own cursor binds on the client, so PostgreSQL would plan these statements anew for every step. A
server-side cursor on the same connection plans each once per connection and still takes part in
`transaction.atomic`.
"""

import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from psycopg.types.json import set_json_loads
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

BY_KEY = 'COLLATE "C"'
"""Stands behind the status guard of a row that is found by its primary key: `status = 'running' {BY_KEY}`.

Statements are planned once per connection, maybe while the tables were small. Without it the planner may then choose
the partial index of that status, and every claim would read all steps that wait, every finish all that run.
"""


def fetch_all(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    """Run a statement and return its rows as named tuples.

    Raises: django.db.Error: as Django's own cursor would.
    """
    django_connection = connections[DEFAULT_DB_ALIAS]
    try:
        django_connection.ensure_connection()
    except KeyError as error:
        raise OperationalError("the pool is being replaced") from error
    with django_connection.wrap_database_errors:
        try:
            cursor = _cursor_of(django_connection.connection)
            query, names = _number(statement)
            values = [parameters[name] for name in names]
            rows = cursor.execute(query, values, prepare=True, binary=True).fetchall()
            return list(map(_shape_of(statement, cursor), rows)) if rows else []
        except psycopg.Error as error:
            # As Django's own cursor does not have to: without this an atomic block would try to commit.
            if django_connection.in_atomic_block:
                transaction.set_rollback(True)
            if isinstance(error, _OUT_OF_DATE):
                raise psycopg.OperationalError(f"the connection's plans are out of date: {error}") from error
            raise


_OUT_OF_DATE = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)
"""A migration changed a table under a prepared plan, or an agent threw the plans away behind the client's back.

Neither ever recovers, so the connection is as good as lost.
"""


@lru_cache(maxsize=256)
def _number(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with PostgreSQL's own placeholders, and the parameters' names in their order.

    Once per statement: psycopg takes long ones apart anew each time.
    """
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(statement)))
    numbered = _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    return numbered.encode(), names


_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def _shape_of(statement: str, cursor: psycopg.RawCursor[Any]) -> Callable[[Any], Any]:
    """Return what makes named tuples of a statement's rows; its own text says what it returns, so it is made once.

    psycopg's row factory reads all names of the result anew each time, forty for a claim.
    """
    make = _shapes.get(statement)
    if make is None:
        names = [column.name for column in cursor.description or ()]
        shape: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 - not known before
        make = _shapes[statement] = shape._make
    return make


_shapes: dict[str, Callable[[Any], Any]] = {}


def _cursor_of(session: psycopg.Connection[Any]) -> psycopg.RawCursor[Any]:
    """Return the session's cursor for statements, kept as long as the session: it learns how to read and write types.

    It asks for binary values: Django reads times as text in Python, a good part of what a step costs.
    """
    kept: psycopg.RawCursor[Any] | None = getattr(session, _KEPT, None)
    if kept is None:
        # Django turns prepared statements off for poolers; a check refuses those that can't keep a session.
        session.prepare_threshold = 5
        kept = psycopg.RawCursor(session)
        set_json_loads(orjson.loads, kept)
        # Else by its size: a statement would be planned once more for each mixture of small and large numbers.
        # Both, or a list would be written as its first was: one of small numbers makes the next with a large one fail.
        kept.adapters.register_dumper(int, Int8Dumper)
        kept.adapters.register_dumper(int, Int8BinaryDumper)
        setattr(session, _KEPT, kept)
    return kept


_KEPT = "_ringmaster_cursor"


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> Any:
    """Run a statement and return its first row, or None."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
