"""Empties the database between tests that commit, and puts the rows of the data migrations back, in little time.

Django truncates every table and saves the first rows one by one: over a second with more than a hundred tables. Here
only tables that hold rows are emptied, the first rows come back as they were copied out, and numbers begin anew behind
them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction

_RETENTION = "SET LOCAL ringmaster.retention = 'on'"
_WITHOUT_TRIGGERS = "SET LOCAL session_replication_role = 'replica'"
_LARGE = 4 * 1024 * 1024
"""Bytes of a table from which on it is truncated: rows that are deleted would stay, and every later scan pass them."""


class Emptying:
    """The first rows of a test database, and how it gets back to them. Of a role that may leave triggers out."""

    def __init__(self) -> None:
        self._tables: list[str] = []
        self._first: dict[str, bytes] = {}
        self._begin_numbers = ""
        self._truncate: Callable[..., Sequence[str]] = connection.ops.sql_flush

    def install(self) -> None:
        """Copy the first rows out, and take the place of Django's flush and of its restoring.

        A role that is no superuser keeps Django's way: it can't leave out the triggers that check foreign keys.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            if cursor.fetchone() != (True,):
                return
        self._tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self._first = {table: self._copy_out(table) for table in self._find_filled()}
        self._begin_numbers = _find_numbers()
        for owner, name, ours in (
            (connection.ops, "sql_flush", self._empty),
            (connection.creation, "deserialize_db_from_string", self._put_back),
        ):
            setattr(owner, name, ours)  # Django has no door for either

    def _find_filled(self) -> dict[str, int]:
        """Return the tables that hold rows, with their sizes in bytes."""
        looks = " UNION ALL ".join(
            f"SELECT '{table}', pg_relation_size('{table}') WHERE EXISTS (SELECT FROM {table})"
            for table in self._tables
        )
        with connection.cursor() as cursor:
            cursor.execute(looks)
            return dict(cursor.fetchall())

    def _empty(self, style: Any, tables: Sequence[str], **options: Any) -> Sequence[str]:
        """Return the statements that empty these tables, as `DatabaseOperations.sql_flush` does."""
        filled = self._find_filled()
        if options.get("reset_sequences") or any(size > _LARGE for size in filled.values()):
            return self._truncate(style, tables, **options)
        deletes = (f"DELETE FROM {table}" for table in filled if table in tables)
        return [_RETENTION, _WITHOUT_TRIGGERS, *deletes, self._begin_numbers]

    def _copy_out(self, table: str) -> bytes:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as rows:
            return b"".join(bytes(part) for part in rows)

    def _put_back(self, _: str) -> None:
        """Write the first rows in place of what their tables hold, as `deserialize_db_from_string` would."""
        with transaction.atomic(), connection.cursor() as cursor:
            for setting in (_RETENTION, _WITHOUT_TRIGGERS):
                cursor.execute(setting)
            for table, rows in self._first.items():
                cursor.execute(f"DELETE FROM {table}")
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)


def _find_numbers() -> str:
    """Return the statement that sets all sequences to where they stand now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename),"
            " coalesce(last_value, start_value), last_value IS NOT NULL)"
            " FROM pg_sequences WHERE schemaname = 'public'"
        )
        return f"SELECT {', '.join(one for (one,) in cursor.fetchall())}"
