"""The embedded Valkey: the broker of checkouts. Its messages outlive a restart, though nothing needs that."""

import signal
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.errors import ServiceError
from config.services import process
from config.services.binaries import find_valkey
from config.services.placement import choose_account, choose_data_dir, make_data_dir, reachable_program
from config.services.record import ServiceRecord

_START_SECONDS = 30
_STOP_SECONDS = 15
_PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server below a state folder; `durable=False` only for data that is thrown away."""

    state_dir: Path
    durable: bool = True

    name = "valkey"
    title = "Valkey"

    def place(self) -> Path:
        """Return where the data goes when it is made for the first time."""
        return choose_data_dir(self.state_dir, self.name)

    def answers(self, record: ServiceRecord) -> bool:
        """Tell whether this very server (it knows our password) answers."""
        client = redis.Redis(
            host="127.0.0.1",
            port=record.port,
            password=record.password,
            socket_timeout=3,
            socket_connect_timeout=3,
            retry=Retry(NoBackoff(), 0),  # the caller polls
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def start(self, record: ServiceRecord) -> ServiceRecord:
        """Start the server; return the record with the port it listens on. The caller holds the lock."""
        data_dir = Path(record.data_dir)
        account = choose_account(data_dir)
        make_data_dir(data_dir, account)
        program = reachable_program(find_valkey(), account)
        for hung in self._processes(record):
            process.end(hung, signal.SIGKILL, 2)
        log = data_dir / "server.log"
        for _ in range(_PORT_TRIES):
            attempt = replace(record, port=process.choose_port(record.port))
            # The configuration goes through a pipe: a command line would show the password to everybody.
            server = process.launch(
                [str(program), "-"],
                account=account,
                cwd=data_dir,
                log=log,
                stdin=self._configuration(attempt),
            )
            if self._wait(attempt, server):
                return attempt
        raise ServiceError(f"Valkey did not start: {process.last_line(log)} (more in {log}).")

    def stop(self, record: ServiceRecord) -> None:
        """Stop the server; it writes its file first."""
        for server in self._processes(record):
            process.end(server, signal.SIGTERM, _STOP_SECONDS)

    def _wait(self, record: ServiceRecord, server: psutil.Process) -> bool:
        process.wait_until(lambda: self.answers(record) or not process.is_running(server), _START_SECONDS)
        return process.is_running(server)

    def _processes(self, record: ServiceRecord) -> list[psutil.Process]:
        folder = Path(record.data_dir)
        return [*process.processes_in(folder, "valkey-server"), *process.processes_in(folder, "redis-server")]

    def _configuration(self, record: ServiceRecord) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": record.port,
            "requirepass": record.password,
            "dir": ".",  # relative to the working directory: a path with a space breaks the configuration
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())
