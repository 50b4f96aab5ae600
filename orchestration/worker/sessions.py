"""A database session of one's own: direct, autocommit, outside the pool, for locks that must live with a process."""

from typing import Any

import psycopg
from django.db import connection

# What Django adds for its own cursors and pool; a plain session has no use for it.
_NOT_LIBPQ = frozenset(
    {"cursor_factory", "context", "prepare_threshold", "pool", "server_side_binding", "assume_role"}
)


def read_parameters(application_name: str) -> dict[str, Any]:
    """Return what libpq needs to reach the default database."""
    parameters = {k: v for k, v in connection.get_connection_params().items() if k not in _NOT_LIBPQ}
    return parameters | {"application_name": application_name}


def open_session(application_name: str) -> psycopg.Connection[Any]:
    """Open a session to the default database.

    Raises: psycopg.OperationalError: the database is away.
    """
    return psycopg.connect(**read_parameters(application_name), autocommit=True)
