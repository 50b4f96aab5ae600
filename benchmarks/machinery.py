"""What both sides are measured with: servers of their own, worker processes, CPU and memory from the kernel."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from config.services import launcher, throwaway
from config.services.record import read_records

PROJECT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


@dataclass
class Bench:
    """The servers of one benchmark run and the environment that points at them."""

    state_dir: Path
    env: dict[str, str]
    server_pids: list[int]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own; its output goes to a file in the state folder."""
        with (self.state_dir / f"process-{len(self.workers)}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers.append(process)
        return process

    def worker(
        self, app: str, queue: str, concurrency: int, name: str, pool: str = "threads"
    ) -> subprocess.Popen[bytes]:
        """Start a Celery worker; the same options for both sides."""
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING")
        return self.start(
            PYTHON, "-m", "celery", "-A", app, "worker", "-P", pool, "-c", str(concurrency), "-Q", queue,
            "-n", f"{name}@bench", *quiet, **self.broker_of(app),
        )  # fmt: skip

    def broker_of(self, side: str) -> dict[str, str]:
        """Return the variable by which Celery finds a side's broker: it counts for more than what an app says.

        Only the product's own children forget it, and go on with what the settings say.
        """
        is_raw = side in {"theirs", "benchmarks.raw"}
        return {"CELERY_BROKER_URL": self.env["RAW_BROKER_URL"]} if is_raw else {}

    def count(self, statement: str) -> int:
        """Run a counting statement on the database: quick enough to catch a moment."""
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            row = connection.execute(statement).fetchone()
        return int(row[0]) if row else 0

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its children, gently first."""
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.workers.remove(process)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process group as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.workers.remove(process)


@contextmanager
def open_bench() -> Iterator[Bench]:
    """Start servers with durable commits in a folder of their own; stop everything at the end."""
    # Where the system keeps temporary files on a disk: in memory a durable commit would cost nothing.
    parent = Path("/var/tmp") if Path("/var/tmp").is_dir() else None  # noqa: S108 - a folder of its own is made there
    with throwaway.throw_away("bench", parent=parent) as state_dir:
        launcher.start(state_dir)
        records = read_records(state_dir)
        broker = records["valkey"].broker_url
        env = {
            # Both sides start as an installed program does: from bytecode.
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": str(PROJECT),
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "RINGMASTER_STATE_DIR": str(state_dir),
            "RINGMASTER_APPS": "benchmarks.load",
            "DATABASE_URL": records["postgres"].database_url,
            "CELERY_BROKER_URL": broker,
            "RAW_BROKER_URL": broker.rsplit("/", 1)[0] + "/2",
            "RAW_RESULT_BACKEND": broker.rsplit("/", 1)[0] + "/3",
        }
        bench = Bench(state_dir, env, _find_servers({record.port for record in records.values()}))
        try:
            yield bench
        finally:
            for process in list(bench.workers):
                bench.kill(process)


def _find_servers(ports: set[int]) -> list[int]:
    listening = psutil.net_connections(kind="tcp")
    return [
        c.pid
        for c in listening
        if c.status == psutil.CONN_LISTEN and c.pid and c.laddr and c.laddr.port in ports
    ]


@dataclass(frozen=True)
class Usage:
    """CPU seconds used so far by a set of process trees, and the largest resident set of a worker in MB."""

    cpu_seconds: float
    peak_mb: float


def measure(bench: Bench, workers: list[subprocess.Popen[bytes]]) -> Usage:
    """Read what servers and workers have used."""
    trees = [psutil.Process(pid) for pid in bench.server_pids + [worker.pid for worker in workers]]
    processes = {process for root in trees for process in (root, *root.children(recursive=True))}
    cpu = 0.0
    for process in processes:
        with _gone_is_fine():
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
    return Usage(cpu, sum(_peak_mb(worker.pid) for worker in workers))


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def wait_until(condition: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> None:
    """Poll a condition; say what did not happen when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not happen within {seconds:g} s; see the logs named above")
        time.sleep(pause)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which this share of the values lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)]
