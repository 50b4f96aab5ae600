"""Turns a database URL into Django's setting."""

import re
from typing import Any, Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from config.errors import BadEnvironment

_EXAMPLE: Final = "postgresql://user:password@host:5432/name"
_MAX_PORT: Final = 65536

# A partition must not hold a worker for the kernel's 15 minutes: with these, the error comes within 6 s.
_FAIL_FAST: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 5000,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

# A pool waits twice as long before each new try to connect; when it gives up, whoever comes next makes it try at once.
# With its default of 5 minutes, a web process would go on refusing after an outage for as long as that had lasted.
_RECONNECT_SECONDS: Final = 5

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
    """Return the `default` database for an address as libpq takes it.

    Args:
        url: `postgresql://user:password@host:port/name?option=value`: several hosts and ports behind commas, IPv6 in
            brackets, a folder of sockets, `service=`, `passfile=`, and every other option of libpq's.
        pool_size: most connections a process keeps; 0 opens one per use, which forking processes need.

    Raises:
        BadEnvironment: the URL is no PostgreSQL address.
    """
    said = _read(url)
    # What is said in the URL adds to the engine's own, and wins where both set the same.
    session = " ".join(filter(None, (_PLANS, _NO_GHOSTS, said.pop("options", ""))))
    return {
        "ENGINE": "agents.sessions",
        "NAME": said.pop("dbname", ""),
        "USER": said.pop("user", ""),
        "PASSWORD": said.pop("password", ""),
        "HOST": said.pop("host", ""),
        "PORT": said.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "application_name": "ringmaster",
            **_FAIL_FAST,
            **_pool_options(pool_size),
            **said,
            "options": session,
        },
    }


def _read(url: str) -> dict[str, str]:
    """Return what the URL says, by libpq's names. No error repeats the URL: its password is in it."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise BadEnvironment(f"DATABASE_URL must look like {_EXAMPLE}.")
    try:
        said = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError as error:
        raise BadEnvironment(f"DATABASE_URL can't be read: {_explain(str(error))}.") from None
    if not said.get("dbname") and "service" not in said:
        raise BadEnvironment(f"DATABASE_URL names no database: it must look like {_EXAMPLE}.")
    _check_ports(said.get("host", ""), said.get("port", ""))
    return said


def _explain(told: str) -> str:
    parameter = re.search(r'invalid URI query parameter: "([\w.-]{1,60})"', told)
    if parameter is None:
        kind = re.match(r"[\w %-]+", told)
        return kind[0].strip() if kind else "libpq refuses it"
    hint = "; the size of the pool is DATABASE_POOL_SIZE" if "pool" in parameter[1] else ""
    return f"'{parameter[1]}' is no option of libpq's{hint}"


def _check_ports(hosts: str, ports: str) -> None:
    """Refuse what libpq would refuse at each connection only."""
    numbers = ports.split(",") if ports else []
    if any(number and not (number.isdecimal() and 0 < int(number) < _MAX_PORT) for number in numbers):
        raise BadEnvironment("DATABASE_URL has a port that is no number from 1 to 65535.")
    if len(numbers) > 1 and len(numbers) != len(hosts.split(",")):
        raise BadEnvironment("DATABASE_URL must name one port for all hosts, or one for each.")


def _pool_options(pool_size: int) -> dict[str, Any]:
    if pool_size == 0:
        return {}
    return {
        "pool": {
            "min_size": 1,
            "max_size": pool_size,
            "timeout": 5,
            "max_lifetime": 1800,
            "max_idle": 300,
            "reconnect_timeout": _RECONNECT_SECONDS,
        }
    }
