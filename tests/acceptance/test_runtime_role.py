"""Workers and maintainer work as a database role that owns no table, also through a killed worker."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from tests.chaos.arena import Arena
from tests.chaos.specs import ring_spec
from tests.processes import child_env

_ROLE = "ringmaster_app"


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Iterator[Arena]:
    """A worker that comes back when it is killed, and a maintainer, under a role of few rights."""
    _execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD 'app'")
    call_command("grant_runtime_role", _ROLE, verbosity=0)
    owner, _, place = child_env()["DATABASE_URL"].rpartition("@")
    assert owner
    arena.env["DATABASE_URL"] = f"postgresql://{_ROLE}:app@{place}"
    arena.worker("one")
    arena.isolated_worker()
    arena.maintainer()
    yield arena
    arena.end()
    connection.close()
    _execute(f"DROP OWNED BY {_ROLE}")
    _execute(f"DROP ROLE {_ROLE}")


def test_a_killed_worker_is_recovered_from_without_the_owners_rights(workers: Arena) -> None:
    workers.arm("in_body", "a2")
    runs = workers.start_many(ring_spec("ring-of-a-role", seconds=0.05, effect=True), 3)
    workers.wait_done(*runs)
    assert len(workers.journal.lines("killed", point="in_body")) == 1
    assert workers.find_faults(runs, most_starts=2) == []
    assert _who_works() == {_ROLE}


def _who_works() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'ringmaster heart%'"
        )
        return {name for (name,) in cursor.fetchall()}


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
