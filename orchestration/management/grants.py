"""What a database role may do that works for this installation and owns none of its tables.

Derived from what is there: the tables of all installed apps, and the guards of history on them. A role that could
delete history only to be stopped by a trigger is not given the right in the first place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.db import connection, transaction
from psycopg import sql

_MIGRATIONS: Final = "django_migrations"

# Bits of pg_trigger.tgtype; a trigger with a condition (tgqual) refuses some changes only.
_GUARDS = """
SELECT c.relname, bool_or(t.tgtype & 16 > 0 AND t.tgqual IS NULL)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'ringmaster_keep_history' AND c.relnamespace = current_schema()::regnamespace
GROUP BY c.relname
"""
_OWNED = """
SELECT c.relname FROM pg_class c
WHERE c.relname = ANY(%s) AND c.relnamespace = current_schema()::regnamespace AND pg_has_role(%s, c.relowner, 'USAGE')
ORDER BY c.relname
"""
_SEQUENCES = """
SELECT s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
WHERE s.relkind = 'S' AND t.relname = ANY(%s) AND t.relnamespace = current_schema()::regnamespace
ORDER BY s.relname
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may do with one table."""

    table: str
    rights: tuple[str, ...]


def plan_grants() -> list[Grant]:
    """Return the rights on each table of the installed apps, by name."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}  # noqa: SLF001 - Django's documented door
    with connection.cursor() as cursor:
        cursor.execute(_GUARDS)
        is_written_once = dict(cursor.fetchall())
        existing = set(connection.introspection.table_names(cursor))
    grants = [_grant(table, is_written_once) for table in sorted(tables & existing)]
    return [*grants, Grant(_MIGRATIONS, ("SELECT",))]


def _grant(table: str, is_written_once: dict[str, bool]) -> Grant:
    rights = ["SELECT", "INSERT"]
    if not is_written_once.get(table, False):
        rights.append("UPDATE")
    if table not in is_written_once:
        rights.append("DELETE")
    return Grant(table, tuple(rights))


def role_exists(role: str) -> bool:
    """Tell whether the server knows a role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        return cursor.fetchone() is not None


def find_owned(role: str, grants: Sequence[Grant]) -> list[str]:
    """Return the tables whose owner's rights a role has: as their owner, a member of it, or a superuser."""
    with connection.cursor() as cursor:
        cursor.execute(_OWNED, [[grant.table for grant in grants], role])
        return [name for (name,) in cursor.fetchall()]


def compose_statements(role: str, grants: Sequence[Grant]) -> list[str]:
    """Return the statements that take all rights on these tables from a role and give it those of the plan."""
    with connection.cursor() as cursor:
        cursor.execute(_SEQUENCES, [[grant.table for grant in grants]])
        sequences = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT current_schema(), current_database()")
        schema, database = cursor.fetchone()
    names = {
        "role": sql.Identifier(role),
        "schema": sql.Identifier(schema),
        "database": sql.Identifier(database),
    }
    parts: list[sql.Composed] = [
        sql.SQL("GRANT CONNECT ON DATABASE {database} TO {role};").format(**names),
        sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role};").format(**names),
    ]
    for grant in grants:
        table = sql.Identifier(schema, grant.table)
        rights = sql.SQL(", ").join(map(sql.SQL, grant.rights))
        parts += [
            sql.SQL("REVOKE ALL ON {table} FROM {role};").format(table=table, **names),
            sql.SQL("GRANT {rights} ON {table} TO {role};").format(rights=rights, table=table, **names),
        ]
    for name in sequences:
        sequence = sql.Identifier(schema, name)
        parts.append(
            sql.SQL("GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {role};").format(
                sequence=sequence, **names
            )
        )
    with connection.cursor() as cursor:
        return [part.as_string(cursor.cursor.connection) for part in parts]


def execute_all(statements: Sequence[str]) -> None:
    """Execute the statements, all or none.

    Raises: django.db.DatabaseError: e.g. who is connected may not grant them.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
