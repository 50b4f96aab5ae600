"""Runs one SQL statement on Django's connection, prepared on the server.

Django's own cursor binds on the client, so PostgreSQL would plan these statements anew for every step. A
server-side cursor on the same connection plans each once per connection and still takes part in
`transaction.atomic`.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.rows import namedtuple_row

log = structlog.get_logger(__name__)


def fetch_all(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    """Run a statement and return its rows as named tuples.

    Raises: django.db.Error: as Django's own cursor would.
    """
    try:
        connection.ensure_connection()
    except KeyError as error:
        raise OperationalError("the pool is being replaced") from error
    if connection.connection.prepare_threshold is None:
        # Django turns prepared statements off for poolers; a check refuses those that can't keep a session.
        connection.connection.prepare_threshold = 5
    with connection.wrap_database_errors:
        try:
            with psycopg.Cursor(connection.connection, row_factory=namedtuple_row) as cursor:
                return cursor.execute(statement, parameters, prepare=True).fetchall()
        except psycopg.errors.FeatureNotSupported as error:
            # A migration changed a table under a prepared plan, which never recovers: as good as a lost connection.
            raise psycopg.OperationalError(f"the connection's plans are out of date: {error}") from error
        except psycopg.Error:
            # As Django's own cursor does not have to: without this an atomic block would try to commit.
            if connection.in_atomic_block:
                transaction.set_rollback(True)
            raise


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> Any:
    """Run a statement and return its first row, or None."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None


DATABASE_AWAY = (OperationalError, InterfaceError)
"""What Django raises when the database is away, a connection broke, or the pool has none to give."""

T = TypeVar("T")
_PAUSE_SECONDS = 0.3
# A pool that lost its connections keeps handing out dead ones, and one that was opened while the database was away
# waits ever longer between its attempts: both are replaced, at most so often.
_RENEWAL_SECONDS = 1.0
_renewal = threading.Lock()
_renewed_at = 0.0


def insist(action: Callable[[bool], T], is_over: Callable[[], bool], *, doing: str, step_id: int) -> T:
    """Do something with the database, again and again while it is away.

    Args:
        action: gets whether it was tried before: its answer may have been lost, so it reads before it writes.
        is_over: asked after each failure; true gives up.  doing: for the log.
    Raises: django.db.OperationalError, InterfaceError: the time was over, or a transaction around it is broken.
    """
    again = False
    while True:
        try:
            return action(again)
        except DATABASE_AWAY as error:
            if connection.in_atomic_block or is_over():
                raise
            log.warning(
                "database_away", doing=doing, step=step_id, error=str(error), next="it is tried again"
            )
            time.sleep(_PAUSE_SECONDS)
            reconnect()
            again = True


def reconnect() -> None:
    """Give up this thread's connection, and with it all that the pool has kept from before."""
    global _renewed_at  # noqa: PLW0603 - one pool per process
    connection.close()
    with _renewal:
        if time.monotonic() - _renewed_at > _RENEWAL_SECONDS:
            connection.close_pool()  # type: ignore[attr-defined]  # only PostgreSQL has pools
            _renewed_at = time.monotonic()
