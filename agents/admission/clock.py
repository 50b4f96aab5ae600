"""The database's clock: all processes go by it, and it does not stand still within a transaction."""

from datetime import datetime

from django.db import connection


def read_clock() -> datetime:
    """Return the time at this moment, aware UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
