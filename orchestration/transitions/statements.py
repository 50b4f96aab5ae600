"""Runs one SQL statement on Django's connection, prepared on the server.

Django's own cursor binds on the client, so PostgreSQL would plan these statements anew for every step. A
server-side cursor on the same connection plans each once per connection and still takes part in
`transaction.atomic`.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection, transaction
from psycopg.rows import namedtuple_row


def fetch_all(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    """Run a statement and return its rows as named tuples.

    Raises: django.db.Error: as Django's own cursor would.
    """
    connection.ensure_connection()
    if connection.connection.prepare_threshold is None:
        # Django turns prepared statements off for poolers; a check refuses those that can't keep a session.
        connection.connection.prepare_threshold = 5
    with connection.wrap_database_errors:
        try:
            with psycopg.Cursor(connection.connection, row_factory=namedtuple_row) as cursor:
                return cursor.execute(statement, parameters, prepare=True).fetchall()
        except psycopg.Error:
            # As Django's own cursor does not have to: without this an atomic block would try to commit.
            if connection.in_atomic_block:
                transaction.set_rollback(True)
            raise


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> Any:
    """Run a statement and return its first row, or None."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
