"""How long the database may take over what somebody waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import OperationalError, connection, transaction


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Stop each statement within that takes longer, in a transaction of its own.

    Raises: OperationalError: one did; `is_cancelled` tells it from others.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds * 1000:.0f}",))
        yield


def is_cancelled(error: OperationalError) -> bool:
    """Return whether a statement was stopped because it took too long."""
    return isinstance(error.__cause__, psycopg.errors.QueryCanceled)
