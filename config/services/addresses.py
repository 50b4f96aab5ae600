"""Addresses for the settings: what the environment says, else what the embedded servers recorded."""

import socket
from pathlib import Path

from config.services.record import DATABASE_NAME, USER_NAME, read_records

# Where nothing listens: settings load before the first `services start`; `manage.py` then explains.
_NOWHERE_PORT = 1
_CONFIGURED_HINT = "start the server that DATABASE_URL names, or correct DATABASE_URL"
_START_HINT = "start the embedded servers with `manage.py services start`, or set DATABASE_URL"


def database_url(configured: str, state_dir: Path) -> str:
    """Return the configured URL, else the embedded PostgreSQL's."""
    if configured:
        return configured
    record = read_records(state_dir).get("postgres")
    return (
        record.database_url
        if record
        else f"postgresql://{USER_NAME}@127.0.0.1:{_NOWHERE_PORT}/{DATABASE_NAME}"
    )


def broker_url(configured: str, state_dir: Path) -> str:
    """Return the configured URL, else the embedded Valkey's."""
    if configured:
        return configured
    record = read_records(state_dir).get("valkey")
    return record.broker_url if record else f"redis://127.0.0.1:{_NOWHERE_PORT}/0"


def is_redis(url: str) -> bool:
    """Tell whether a broker speaks the Redis protocol."""
    return url.startswith(("redis://", "rediss://"))


def result_backend(configured: str, broker: str) -> str | None:
    """Return where chords count: as configured, else the Redis broker's database 1, else None (no chords)."""
    if configured:
        return configured
    if not is_redis(broker):
        return None
    address, _, query = broker.partition("?")
    scheme, _, rest = address.partition("://")
    base = f"{scheme}://{rest.partition('/')[0]}/1"
    return f"{base}?{query}" if query else base


def explain_unreachable_database(state_dir: Path, configured: str, sqlstate: str | None) -> str | None:
    """Return what to do about an operational error when the database is away; None when it is another error.

    Args: configured: DATABASE_URL, or "".  sqlstate: the error's code; None when no server sent one.
    """
    if configured:
        # A server names what it refuses, but for a connection; 57P is a server that shuts down or starts.
        is_away = sqlstate is None or sqlstate.startswith("57P")
        return f"The database can't be used: {_CONFIGURED_HINT}." if is_away else None
    record = read_records(state_dir).get("postgres")
    if record is None:
        return f"There is no database: {_START_HINT}."
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", record.port)) == 0:
            return None
    return f"The embedded PostgreSQL is not running: {_START_HINT}."
