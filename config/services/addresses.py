"""Addresses for the settings: what the environment says, else what the embedded servers recorded."""

import socket
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from config.errors import BadEnvironment
from config.services.record import DATABASE_NAME, USER_NAME, read_records

# What redis-py knows of TLS and an address can say.
_CERTIFICATES: Final = frozenset({"required", "optional", "none"})
_TLS_FLAGS: Final = frozenset({"ssl_check_hostname", "ssl_validate_ocsp"})
_TLS_TEXTS: Final = frozenset(
    {
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_ca_data",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_password",
        "ssl_ciphers",
    }
)
_FLAG_WORDS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

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


def stream_url(configured: str, broker: str = "") -> str:
    """Return where it is told live what models say: as configured, else a Redis broker; "" for `none`, or without."""
    if configured:
        return "" if configured == "none" else configured
    return broker if broker.startswith("redis://") else ""


def split_tls(variable: str, url: str) -> tuple[str, dict[str, Any] | None]:
    """Return a server's address without what it says of TLS, and that: kombu, Celery and Flower read it differently.

    Without a word of it the certificate is required: kombu would check nothing, and the result backend not start.

    Raises: BadEnvironment: an option of TLS that no client knows; `variable` is named.
    """
    if not url.startswith("rediss://"):
        return url, None
    address, _, query = url.partition("?")
    said = dict(parse_qsl(query, keep_blank_values=True))
    options = {name: said.pop(name) for name in list(said) if name.startswith("ssl_")}
    read = {name: _read_tls_option(variable, name, value) for name, value in options.items()}
    rest = urlencode(said)
    return f"{address}?{rest}" if rest else address, {"ssl_cert_reqs": "required", **read}


def _read_tls_option(variable: str, name: str, value: str) -> str | bool:
    if name in _TLS_FLAGS and value.lower() in _FLAG_WORDS:
        return _FLAG_WORDS[value.lower()]
    if name == "ssl_cert_reqs" and value.lower().removeprefix("cert_") in _CERTIFICATES:
        return value.lower().removeprefix("cert_")
    if name in _TLS_TEXTS:
        return value
    known = ", ".join(sorted({"ssl_cert_reqs", *_TLS_FLAGS, *_TLS_TEXTS}))
    raise BadEnvironment(
        f"{variable} has {name!r} with a value or a name that can't be used: ssl_cert_reqs is required, optional or "
        f"none; known are {known}."
    )


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
