"""Tells an outage of the database from a fault: by what PostgreSQL answered, where it answered.

A server that is read-only during a switchover, starts, stops, is full or cancels says so by an SQLSTATE, and Django
files some of these under other classes than a lost connection. All of them mean that this connection can't now: what
was to be done is tried again on another one. Anything else that a statement is refused for is a fault of what was to
be done, and no second try can help.
"""

from typing import Final

import django.db
import psycopg

_CLASSES: Final = frozenset(
    {
        "08",  # the connection broke
        "28",  # it may not sign in: a password is being changed
        "40",  # the transaction was chosen to end a deadlock
        "53",  # too many connections, disk or memory full
        "57",  # cancelled, stopping, starting
        "58",  # an error of its machine
    }
)
_STATES: Final = frozenset(
    {
        "25006",  # read-only
        "25P03",  # idle in a transaction for too long
        "25P04",  # a transaction was too long
        "26000",  # somebody took its prepared statements away
        "42P05",
        "55006",  # in use
        "55P03",  # locked
    }
)
_OF_STATEMENT: Final = frozenset({"40001", "40P01", "55P03", "57014"})
_SPOKEN_BY: Final = (django.db.Error, psycopg.Error)
_UNSPOKEN: Final = (
    django.db.OperationalError,
    django.db.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


def is_away(error: BaseException) -> bool:
    """Return whether an error says that the database, or this connection to it, can't now."""
    # By its class, never `isinstance`: that also asks the exception itself, which may be anybody's.
    if not issubclass(type(error), _SPOKEN_BY):
        return False
    state = read_sqlstate(error)
    if state is None:
        return issubclass(type(error), _UNSPOKEN)
    return state in _STATES or state[:2] in _CLASSES


def is_of_statement(error: BaseException) -> bool:
    """Return whether only this statement was ended, and its connection is as good as before."""
    return is_away(error) and read_sqlstate(error) in _OF_STATEMENT


def is_full(error: BaseException) -> bool:
    """Return whether the server has no connection left. Who is refused a connection is told no SQLSTATE, only words."""
    words = ("too many clients", "too many connections", "connection slots are reserved")
    return read_sqlstate(error) == "53300" or any(text in str(error) for text in words)


def read_sqlstate(error: BaseException) -> str | None:
    """Return what PostgreSQL answered, also below Django's error; None when it did not answer."""
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return state if isinstance(state, str) else None
