"""`grant_runtime_role`: lets a database role do the engine's work without owning its tables."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from orchestration.management.grants import (
    Grant,
    compose_statements,
    execute_all,
    find_owned,
    plan_grants,
    role_exists,
)


class Command(BaseCommand):
    """Grant a role what web, workers and maintainer need, and no more."""

    help = (
        "Give a database role what the web process, the workers and the maintainer need, and no right to delete or "
        "change history. Run it as the owner of the tables, after each `migrate`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the role."""
        parser.add_argument("role", metavar="ROLE", help="The role that DATABASE_URL of the processes names.")
        parser.add_argument("--sql", action="store_true", help="Print the statements and execute nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the role, then grant or print."""
        role: str = options["role"]
        grants = plan_grants()
        _check(role, grants)
        statements = compose_statements(role, grants)
        if options["sql"]:
            self.stdout.write("\n".join(["BEGIN;", *statements, "COMMIT;"]))
            return
        try:
            execute_all(statements)
        except DatabaseError as error:
            raise CommandError(
                f"nothing was granted: {str(error).splitlines()[0]}. "
                "Run this with DATABASE_URL of the owner of the tables."
            ) from error
        kept = [grant for grant in grants if "DELETE" not in grant.rights]
        self.stdout.write(
            f"{role} may work on {len(grants)} tables; from {len(kept)} of them it can't delete. Name it in "
            "DATABASE_URL of web, worker, worker-isolated and maintain. Keep the owner's for `migrate` and for this "
            "command, and run it after each `migrate`."
        )


def _check(role: str, grants: Sequence[Grant]) -> None:
    if not role_exists(role):
        raise CommandError(
            f"ROLE: PostgreSQL knows no role {role!r}. Make it first: "
            f"CREATE ROLE \"{role}\" LOGIN PASSWORD '...' NOSUPERUSER NOCREATEDB NOCREATEROLE;"
        )
    owned = find_owned(role, grants)
    if owned:
        raise CommandError(
            f"ROLE: {role!r} is a superuser or has the rights of the owner of {owned[0]} "
            f"({len(owned)} tables in all), so grants would not bind it. Name another role."
        )
