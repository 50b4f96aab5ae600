"""Goes on over an outage of the database: asks again until it answers, and reads what a lost answer may have done."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import Error, connection

from orchestration.errors import ClaimLost
from orchestration.outages import is_away, is_of_statement

log = structlog.get_logger(__name__)

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
    Raises: django.db.Error: the time was over, a transaction around it is broken, or it is no outage.
    """
    again = False
    while True:
        try:
            return action(again)
        except Error as error:
            if not is_away(error) or connection.in_atomic_block or is_over():
                raise
            log.warning(
                "database_away", doing=doing, step=step_id, error=str(error), next="it is tried again"
            )
            time.sleep(_PAUSE_SECONDS)
            if not is_of_statement(error):
                reconnect()
            again = True


def write_or_read(write: Callable[[], T], read: Callable[[], T | None]) -> T:
    """Write what may have been written already, by a try whose answer was lost; return what that try did, or this one.

    A broken connection leaves the server at its statement for a while: then the first look finds nothing, the write
    waits for the statement's locks and finds the claim gone, and only the second look finds that it was ours.

    Args: read: None if nothing was written.
    Raises: ClaimLost: somebody else wrote.
    """
    found = read()
    if found is not None:
        return found
    try:
        return write()
    except ClaimLost:
        found = read()
        if found is None:
            raise
        return found


def reconnect() -> None:
    """Give up this thread's connection, and with it all that the pool has kept from before."""
    global _renewed_at  # noqa: PLW0603 - one pool per process
    connection.close()
    with _renewal:
        if time.monotonic() - _renewed_at > _RENEWAL_SECONDS:
            connection.close_pool()  # type: ignore[attr-defined]  # only PostgreSQL has pools
            _renewed_at = time.monotonic()
