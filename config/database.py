"""Turns a database URL into Django's setting."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.errors import BadEnvironment

# A partition must not hold a worker for the kernel's 15 minutes: with these, the error comes within 6 s.
_FAIL_FAST: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 5000,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

# Statements are planned once per connection. Planned while a table was small, they would read all of it until the
# next ANALYZE; priced as on any SSD, an index wins from the third page on. Planned for any value at once: else the
# first five uses of each statement, on each connection, would be planned for their own, which takes longer than they.
_PLANS = "-c random_page_cost=1.1 -c plan_cache_mode=force_generic_plan"
# The server's side of a cut connection: with its defaults a ghost session would hold its locks, the maintainer's
# lead among them, for two hours.
_NO_GHOSTS = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=5000"
)


def database_settings(url: str, *, pool_size: int) -> dict[str, Any]:
    """Return the `default` database for a `postgresql://user:password@host:port/name?option=value` URL.

    Args:
        url: the address; options of libpq may follow a question mark.
        pool_size: most connections a process keeps; 0 opens one per use, which forking processes need.

    Raises:
        BadEnvironment: the URL is no PostgreSQL address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadEnvironment(f"DATABASE_URL can't be read: {error}.") from error
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgres", "postgresql"} or not name:
        raise BadEnvironment("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    return {
        "ENGINE": "agents.sessions",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "application_name": "ringmaster",
            **_FAIL_FAST,
            "options": f"{_PLANS} {_NO_GHOSTS}",
            **_pool_options(pool_size),
            **dict(parse_qsl(parts.query)),
        },
    }


def _pool_options(pool_size: int) -> dict[str, Any]:
    if pool_size == 0:
        return {}
    return {
        "pool": {"min_size": 1, "max_size": pool_size, "timeout": 5, "max_lifetime": 1800, "max_idle": 300}
    }
