"""What a worker opens before its first message, seen from a process with a connection pool."""

import subprocess
import sys

import pytest

from orchestration.worker.warming import warm_connections
from tests.processes import PROJECT_DIR, child_env

_WARM = """
import django
django.setup()
from django.db import connection
from orchestration.worker.warming import warm_connections
ready = warm_connections({threads})
pool = connection.pool
kept = [pool.getconn() for _ in range(pool.get_stats()["pool_size"])]
look = "SELECT count(*) FROM pg_prepared_statements"
prepared = [one.execute(look).fetchone()[0] for one in kept]
print(ready, *sorted(prepared, reverse=True)[:ready])
for one in kept:
    pool.putconn(one)
"""


# Claim, finish, release, and the four of a plain run's end. The pool may open one more than was asked for.
@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize(("threads", "expected"), [(3, "3 7 7 7"), (9, "4 7 7 7 7")], ids=["threads", "pool"])
def test_a_connection_per_thread_is_ready_with_its_main_path_planned(threads: int, expected: str) -> None:
    said = _run(threads, {"DATABASE_POOL_SIZE": "4"})
    assert said.splitlines()[-1] == expected


@pytest.mark.usefixtures("committed_db")
def test_a_database_that_gives_no_connection_stops_no_worker() -> None:
    said = _run(
        2, {"DATABASE_POOL_SIZE": "4", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, fails=True
    )
    assert said.count("connection_not_warmed") == 2


def test_without_a_pool_nothing_is_opened() -> None:
    assert warm_connections(8) == 0


def _run(threads: int, more: dict[str, str], *, fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _WARM.format(threads=threads)],
        env={**child_env(), **more},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=not fails,
        timeout=60,
    )
    return done.stderr if fails else done.stdout
