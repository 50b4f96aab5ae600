"""Servers that live and answer, but refuse everything for a while: each begins with its block and ends with it."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import redis

from tests.chaos.servers import OwnServers
from tests.processes import wait_for

_CROWD = "crowd"
_END_OTHERS = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name <> '{_CROWD}'
"""
# What a slow start takes: so many values, and so long for each.
_VALUES, _VALUE_MICROSECONDS = 160, 50_000


@contextmanager
def full_of_strangers(servers: OwnServers) -> Iterator[None]:
    """Take every connection that PostgreSQL has, those of others too, whose sessions are ended."""
    with ExitStack() as held:

        def come() -> psycopg.Connection:
            url = servers.env["DATABASE_URL"]
            return held.enter_context(psycopg.connect(url, application_name=_CROWD, autocommit=True))

        speaker = come()
        while True:
            try:
                come()
            except psycopg.OperationalError as error:
                assert "too many clients" in str(error)  # noqa: PT017 - anything else is no full server
                if not speaker.execute(_END_OTHERS).fetchall():
                    break
        yield


@contextmanager
def loading(servers: OwnServers) -> Iterator[None]:
    """Restart the broker with so many values that it takes seconds to read them."""
    names = [f"ballast{number}" for number in range(_VALUES)]
    with servers.broker() as client:
        for name in names:
            client.set(name, os.urandom(2048))  # nothing that can be compressed
        # As one file of values: it answers between two of them, but not between two commands of its log.
        client.bgrewriteaof()
        wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"], what="the file")
    servers.stop_broker()
    slow = {"key-load-delay": str(_VALUE_MICROSECONDS), "loading-process-events-interval-bytes": "1024"}
    starter = threading.Thread(target=servers.start, args=("valkey",), kwargs=slow)
    starter.start()
    wait_for(lambda: _refuses(servers, "loading"), what="the broker to load")
    try:
        yield
        assert _refuses(servers, "loading"), "it was done too early"
    finally:
        starter.join()
        with servers.broker() as client:
            client.config_set("key-load-delay", 0)
            client.delete(*names)


@contextmanager
def busy(servers: OwnServers) -> Iterator[None]:
    """Let the broker run a script without end: first it does not answer, after a second with a refusal."""
    with servers.broker() as client:
        client.config_set("busy-reply-threshold", 1000)

    def spin() -> None:
        with servers.broker() as client, suppress(redis.RedisError):
            client.eval("while true do end", 0)

    spinner = threading.Thread(target=spin)
    spinner.start()
    wait_for(lambda: _refuses(servers, "BUSY"), what="the broker to be busy")
    try:
        yield
    finally:
        with servers.broker() as client:
            client.script_kill()
        spinner.join()


@contextmanager
def unable_to_write(servers: OwnServers) -> Iterator[None]:
    """Take the broker's folder from it: it can't save, and takes no writes any more."""
    with servers.broker() as client:
        client.config_set("save", "3600 1")
        folder = Path(str(client.config_get("dir")["dir"]))
        mode = folder.stat().st_mode
        folder.chmod(0o500)
        client.bgsave()
        try:
            wait_for(lambda: _refuses(servers, "MISCONF"), what="the broker to refuse writes")
            yield
        finally:
            folder.chmod(mode)
            client.config_set("save", "")
            client.bgsave()
            wait_for(lambda: not _refuses(servers, "MISCONF"), what="the broker to take writes")


def _refuses(servers: OwnServers, word: str) -> bool:
    with servers.broker(seconds=1) as client:
        try:
            client.set("refused", "")
        except redis.RedisError as error:
            return word in str(error)
    return False
