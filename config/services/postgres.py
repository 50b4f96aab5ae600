"""The embedded PostgreSQL: its cluster is made once, its port stays, it starts again after any death."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from config.errors import ServiceError
from config.services import process
from config.services.binaries import find_postgres
from config.services.placement import (
    Account,
    choose_account,
    choose_data_dir,
    make_data_dir,
    reachable_program,
)
from config.services.record import DATABASE_NAME, USER_NAME, ServiceRecord

_START_SECONDS = 60
_STOP_SECONDS = 30
_PORT_TRIES = 3
# On Linux a commit then costs one call into the kernel instead of two, and is as durable.
_WRITE_THROUGH = ("-c", "wal_sync_method=open_datasync") if sys.platform == "linux" else ()
_THROW_AWAY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster below a state folder; `durable=False` only for data that is thrown away."""

    state_dir: Path
    durable: bool = True

    name = "postgres"
    title = "PostgreSQL"

    def place(self) -> Path:
        """Return where the data goes when it is made for the first time."""
        return choose_data_dir(self.state_dir, self.name)

    def answers(self, record: ServiceRecord) -> bool:
        """Tell whether this very server (it knows our password) accepts connections."""
        try:
            self._connect(record, connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, record: ServiceRecord) -> ServiceRecord:
        """Start the server; return the record with the port it listens on. The caller holds the lock."""
        data_dir = Path(record.data_dir)
        account = choose_account(data_dir)
        make_data_dir(data_dir, account)
        program = reachable_program(find_postgres(), account)
        cluster = self._make_cluster(program, account, record)
        self._clear_remains(cluster)
        started = self._launch(program, account, cluster, record)
        self._make_database(started)
        return started

    def stop(self, record: ServiceRecord) -> None:
        """Stop the server as PostgreSQL wants it: sessions are ended, everything is written."""
        postmaster = _live_postmaster(_cluster_dir(record))
        if postmaster is not None:
            process.end(postmaster, signal.SIGINT, _STOP_SECONDS)

    def _make_cluster(self, program: Path, account: Account, record: ServiceRecord) -> Path:
        cluster = _cluster_dir(record)
        if (cluster / "PG_VERSION").exists():
            return cluster
        with tempfile.TemporaryDirectory(
            dir=cluster.parent, prefix="initdb-", ignore_cleanup_errors=True
        ) as scratch:
            folder = Path(scratch)
            make_data_dir(folder, account)
            password_file = folder / "password"
            password_file.write_text(record.password, encoding="utf-8")
            make_readable(password_file, account)
            _run_initdb(program.parent / "initdb", account, folder, durable=self.durable)
            (folder / "cluster").rename(cluster)
        return cluster

    def _clear_remains(self, cluster: Path) -> None:
        """Wait for what a killed server left behind; its pid file goes only when nobody owns it."""
        if (postmaster := _live_postmaster(cluster)) is not None:
            raise ServiceError(
                f"A PostgreSQL (pid {postmaster.pid}) uses {cluster} but does not let us in: stop it first."
            )
        if not process.wait_until(lambda: not process.processes_in(cluster, "postgres"), 5):
            for orphan in process.processes_in(cluster, "postgres"):
                process.end(orphan, signal.SIGQUIT, 2)
        (cluster / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, program: Path, account: Account, cluster: Path, record: ServiceRecord) -> ServiceRecord:
        log = cluster.parent / "server.log"
        for _ in range(_PORT_TRIES):
            attempt = replace(record, port=process.choose_port(record.port))
            server = process.launch(
                self._command(program, cluster, attempt.port), account=account, cwd=cluster, log=log
            )
            ended = process.wait_until(
                lambda: self.answers(attempt) or not process.is_running(server),  # noqa: B023 - used within the turn
                _START_SECONDS,
            )
            if ended and process.is_running(server):
                return attempt
        raise ServiceError(f"PostgreSQL did not start: {process.last_line(log)} (more in {log}).")

    def _command(self, program: Path, cluster: Path, port: int) -> list[str]:
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "max_connections=300",
        ]
        return [
            str(program),
            "-D",
            str(cluster),
            "-p",
            str(port),
            *options,
            *(_WRITE_THROUGH if self.durable else _THROW_AWAY),
        ]

    def _make_database(self, record: ServiceRecord) -> None:
        with contextlib.closing(self._connect(record)) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]
            ).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME)))

    def _connect(self, record: ServiceRecord, connect_timeout: int = 10) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=record.port,
            user=USER_NAME,
            password=record.password,
            dbname="postgres",
            connect_timeout=connect_timeout,
            autocommit=True,
        )


def make_readable(path: Path, account: Account) -> None:
    """Give a file to the account alone."""
    path.chmod(0o600)
    if account.is_stand_in:
        os.chown(path, account.uid, account.gid)


def _cluster_dir(record: ServiceRecord) -> Path:
    return Path(record.data_dir) / "cluster"


def _run_initdb(initdb: Path, account: Account, folder: Path, *, durable: bool) -> None:
    command = [
        *(str(initdb), "-D", str(folder / "cluster"), "-U", USER_NAME),
        *("--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C"),
        *(() if durable else ("--no-sync",)),
    ]
    options = account.popen_options()
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **options)
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ServiceError(f"The PostgreSQL cluster in {folder.parent} can't be made: {reason}")


def _live_postmaster(cluster: Path) -> psutil.Process | None:
    """Return the process the pid file names, if it lives and serves this cluster: pids are reused."""
    try:
        pid = int((cluster / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        owner = psutil.Process(pid)
        is_ours = str(cluster) in owner.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return owner if is_ours and process.is_running(owner) else None
