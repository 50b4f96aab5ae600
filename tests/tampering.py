"""Rewrites what the database would refuse to change: for tests in which time has passed, or somebody has tampered."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def history_rewritten() -> Iterator[None]:
    """Let this connection change what is written once; only a superuser may."""
    _act_as("replica")
    try:
        yield
    finally:
        _act_as("origin")


def _act_as(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET session_replication_role = {role}")
