"""A database and a broker of a test's own, which it may stop, empty and start again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from django.core.management import call_command
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.database import database_settings
from config.services import launcher, process, throwaway
from config.services.postgres import Postgres
from config.services.record import ServiceRecord, read_records
from config.services.valkey import Valkey

_ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


class OwnServers:
    """PostgreSQL as in production (every commit is on the disk) and a broker, below a folder of their own."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a child process use these servers."""
        return {
            "DATABASE_URL": self._record("postgres").database_url,
            "CELERY_BROKER_URL": self._record("valkey").broker_url,
            "CELERY_RESULT_BACKEND": "",
        }

    def start(self, *names: str, **settings: str) -> None:
        """Start servers; `settings` are PostgreSQL's or Valkey's own, beside those of the project."""
        with pytest.MonkeyPatch.context() as patch:
            command, configuration = Postgres._command, Valkey._configuration
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            lines = "".join(f"{name} {value}\n" for name, value in settings.items())
            patch.setattr(Postgres, "_command", lambda *args: [*command(*args), *options])
            patch.setattr(Valkey, "_configuration", lambda *args: configuration(*args) + lines)
            launcher.start(self._state_dir, names)

    def stop_broker(self) -> None:
        launcher.stop(self._state_dir, ("valkey",))

    def crash_postgres(self) -> None:
        """Stop PostgreSQL at once, without a word to its sessions, as `pg_ctl stop -m immediate` does."""
        cluster = Path(self._record("postgres").data_dir) / "cluster"
        postmaster = psutil.Process(int((cluster / "postmaster.pid").read_text().split()[0]))
        process.end(postmaster, signal.SIGQUIT, 20)

    def empty_broker(self) -> None:
        with self.broker() as client:
            client.flushall()

    def count_messages(self, queue: str) -> int:
        with self.broker() as client:
            return int(client.llen(queue))

    def broker(self, *, seconds: float | None = None) -> redis.Redis:
        """Return a client of the broker that waits so long for an answer, and asks once."""
        url = self._record("valkey").broker_url
        return redis.Redis.from_url(url, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let this process's models live in the own database, made anew."""
        settings = connection.settings_dict
        before = {name: settings[name] for name in _ADDRESS}
        own = database_settings(self.env["DATABASE_URL"], pool_size=0)
        connection.close()
        settings.update({name: own[name] for name in _ADDRESS})
        try:
            call_command("migrate", verbosity=0)
            yield
        finally:
            connection.close()
            settings.update(before)

    def _record(self, name: str) -> ServiceRecord:
        return read_records(self._state_dir)[name]


@contextmanager
def run_own_servers(**of_postgres: str) -> Iterator[OwnServers]:
    """Start servers and take them away at the end."""
    # Not below pytest's private folder, which the user that runs PostgreSQL for root can't enter.
    with throwaway.throw_away("chaos") as state_dir:
        servers = OwnServers(state_dir)
        servers.start("postgres", **of_postgres)
        servers.start("valkey")
        yield servers
