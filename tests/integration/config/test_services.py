"""The embedded servers: made once, started again after any death, stopped cleanly, one starter at a time."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.errors import ServiceError
from config.services import binaries, launcher, process, throwaway
from config.services.record import ServiceRecord, read_records
from tests.processes import PROJECT_DIR, wait_for


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A state folder with a space in its name that another user can reach; pytest's folders are private."""
    with throwaway.throw_away("of tests") as parent:
        yield parent / "state"


def _postgres(state_dir: Path) -> ServiceRecord:
    return read_records(state_dir)["postgres"]


def _server_ids(state_dir: Path) -> list[int]:
    folders = {Path(record.data_dir) for record in read_records(state_dir).values()}
    homes = {str(folder.resolve()) for folder in folders} | {
        str(folder.resolve() / "cluster") for folder in folders
    }
    return [one.pid for one in psutil.process_iter(["cwd"]) if one.info["cwd"] in homes]


def _query(state_dir: Path, statement: str) -> None:
    with psycopg.connect(_postgres(state_dir).database_url, autocommit=True) as connection:
        connection.execute(statement)


def test_data_and_addresses_outlive_a_restart(state_dir: Path) -> None:
    assert launcher.start(state_dir, durable=False) == ["postgres", "valkey"]
    before = read_records(state_dir)
    _query(state_dir, "CREATE TABLE kept (n int)")

    assert launcher.start(state_dir, durable=False) == []
    assert sorted(launcher.stop(state_dir)) == ["postgres", "valkey"]
    assert _server_ids(state_dir) == []
    assert [item.is_running for item in launcher.status(state_dir)] == [False, False]
    assert launcher.stop(state_dir) == []

    assert launcher.start(state_dir, durable=False) == ["postgres", "valkey"]
    assert read_records(state_dir) == before
    _query(state_dir, "SELECT n FROM kept")


def test_killed_servers_start_again_with_their_data(state_dir: Path) -> None:
    launcher.start(state_dir)
    _query(state_dir, "CREATE TABLE kept (n int)")
    cluster = Path(_postgres(state_dir).data_dir) / "cluster"
    postmaster = int((cluster / "postmaster.pid").read_text().split()[0])
    valkey = process.processes_in(Path(read_records(state_dir)["valkey"].data_dir), "valkey-server")

    os.kill(postmaster, signal.SIGKILL)
    valkey[0].kill()
    wait_for(
        lambda: not any(item.is_running for item in launcher.status(state_dir)), what="both servers down"
    )

    assert launcher.start(state_dir) == ["postgres", "valkey"]
    _query(state_dir, "SELECT n FROM kept")


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(state_dir: Path) -> None:
    launcher.start(state_dir, ("postgres",), durable=False)
    launcher.stop(state_dir)
    pid_file = Path(_postgres(state_dir).data_dir) / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")

    assert launcher.start(state_dir, ("postgres",), durable=False) == ["postgres"]


def test_a_taken_port_is_left_for_another(state_dir: Path) -> None:
    launcher.start(state_dir, ("valkey",), durable=False)
    launcher.stop(state_dir)
    port = read_records(state_dir)["valkey"].port
    with socket.create_server(("127.0.0.1", port)):
        assert launcher.start(state_dir, ("valkey",), durable=False) == ["valkey"]
    assert read_records(state_dir)["valkey"].port != port


def test_starters_at_the_same_time_start_one_server(state_dir: Path) -> None:
    started: list[str] = []
    threads = [
        threading.Thread(target=lambda: started.extend(launcher.start(state_dir, ("valkey",), durable=False)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert started == ["valkey"]
    assert len(_server_ids(state_dir)) == 1


def test_strangers_are_not_let_in(state_dir: Path) -> None:
    launcher.start(state_dir, durable=False)
    records = read_records(state_dir)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host="127.0.0.1",
            port=records["postgres"].port,
            user="ringmaster",
            password="x",
            dbname="postgres",
        )
    with redis.Redis(port=records["valkey"].port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    command_lines = [" ".join(psutil.Process(pid).cmdline()) for pid in _server_ids(state_dir)]
    assert command_lines != []
    assert not any(record.password in line for line in command_lines for record in records.values())


def _run_services(state_dir: Path, action: str) -> str:
    environment = {
        **os.environ,
        "RINGMASTER_STATE_DIR": str(state_dir),
        "DATABASE_URL": "",
        "CELERY_BROKER_URL": "",
    }
    command = [sys.executable, "manage.py", "services", action]
    answer = subprocess.run(
        command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout


def test_the_servers_outlive_the_command_that_started_them(state_dir: Path) -> None:
    assert "Valkey: running on 127.0.0.1:" in _run_services(state_dir, "start")
    assert [item.is_running for item in launcher.status(state_dir)] == [True, True]
    assert "PostgreSQL: stopped" in _run_services(state_dir, "stop")


def test_without_any_program_the_message_says_what_to_do(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: [])
    monkeypatch.setattr(binaries, "_system_postgres", list)
    with pytest.raises(ServiceError, match=r"No PostgreSQL 14\+ was found: .* or set DATABASE_URL\.$"):
        launcher.start(state_dir, ("postgres",), durable=False)


def test_the_systems_programs_do_too(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: [])
    try:
        binaries.find_postgres()
    except ServiceError:
        pytest.skip("this machine has no PostgreSQL of its own")
    assert launcher.start(state_dir, ("postgres",), durable=False) == ["postgres"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's place")
def test_a_folder_that_the_stand_in_cannot_enter_is_no_obstacle(state_dir: Path) -> None:
    state_dir.parent.chmod(0o700)
    launcher.start(state_dir, durable=False)
    assert _postgres(state_dir).data_dir.startswith("/var/lib/ringmaster/")
    _query(state_dir, "SELECT 1")
