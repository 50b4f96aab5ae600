"""The only clock of this app: PostgreSQL's, at the moment it is read."""

from datetime import datetime
from typing import Any, cast

from django.db import connection, models


class ClockTimestamp(models.Func):
    """`clock_timestamp()`: unlike `Now()` it does not stand still while a transaction waits for a lock."""

    function = "clock_timestamp"
    template = "%(function)s()"
    arity = 0

    def __init__(self, **extra: Any) -> None:
        """Fix the type."""
        super().__init__(output_field=models.DateTimeField(), **extra)


def read_clock() -> datetime:
    """Return PostgreSQL's time now. Read it after a lock was waited for, never before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cast("datetime", cursor.fetchone()[0])
