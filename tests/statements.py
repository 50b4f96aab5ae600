"""Every statement that a piece of work sends to PostgreSQL: Django's own, and those that `database/` prepares."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection

from orchestration.database import statements


class _Recording:
    """A prepared cursor that writes down what it is asked."""

    def __init__(self, cursor: Any, sent: list[str]) -> None:
        self._cursor, self._sent = cursor, sent

    def execute(self, query: bytes, *given: Any, **options: Any) -> Any:
        self._sent.append(query.decode())
        return self._cursor.execute(query, *given, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Collect the statements of this connection, in their order, but for those that begin and end transactions."""
    sent: list[str] = []
    prepared = statements._cursor_of

    def note(execute: Any, sql: str, *given: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT")):
            sent.append(sql)
        return execute(sql, *given)

    with (
        patch.object(statements, "_cursor_of", lambda session: _Recording(prepared(session), sent)),
        connection.execute_wrapper(note),
    ):
        yield sent
