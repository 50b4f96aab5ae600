"""Real child processes for tests: started, watched by their log, killed and always cleaned up."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

PROJECT_DIR = Path(__file__).resolve().parent.parent

# Short enough to wait for in a test, long enough that a busy machine does not lose a lease by itself.
SHORT_TIMES = {
    "LEASE_SECONDS": 3.0,
    "HEARTBEAT_SECONDS": 0.5,
    "SWEEP_SECONDS": 0.25,
    "LOST_AFTER_SECONDS": 1.0,
    # Processes are killed by the dozen: that shall not be held against the agents which happen to be in them.
    "BREAKER_FAILURES": 1_000_000,
}


def wait_for(condition: Callable[[], object], *, seconds: float = 20, what: str = "the condition") -> None:
    """Poll until the condition is true; fail the test with its name when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


@dataclass
class Child:
    """One process in a process group of its own."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for_output(self, text: str, *, seconds: float = 40) -> None:
        """Wait until the process wrote the text; when it dies first, show what it wrote."""
        wait_for(lambda: text in self.output() or not self.is_running, seconds=seconds, what=f"{text!r}")
        assert text in self.output(), f"{self.name} ended with {self.popen.returncode}:\n{self.output()}"

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and its children."""
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            return

    def kill(self) -> None:
        """End the whole group as a power cut would."""
        self.signal_group(signal.SIGKILL)
        self.popen.wait(10)

    def suspend(self) -> None:
        self.signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal_group(signal.SIGCONT)

    def stop(self, *, seconds: float = 20) -> int:
        """Ask the process to end and return its exit code; kill the group when it does not."""
        self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self.kill()


@dataclass
class ProcessStarter:
    """Starts children against the test's servers; the fixture kills what is left at the end."""

    env: Mapping[str, str]
    log_dir: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, *command: str, **env: str) -> Child:
        """Start a command; a first word of `manage.py`, `celery` or `granian` runs with this Python."""
        log = self.log_dir / f"{name}-{len(self.children)}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*_PREFIX.get(command[0], (command[0],)), *command[1:]],
                cwd=PROJECT_DIR,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, popen, log)
        self.children.append(child)
        return child

    def worker(
        self,
        name: str = "steps",
        *,
        queue: str = "steps",
        pool: str = "threads",
        concurrency: int = 8,
        wait: bool = True,
        **env: str,
    ) -> Child:
        """Start `celery worker` and, unless told otherwise, wait until it takes messages."""
        command = ("celery", "-A", "config", "worker", "-P", pool, "-c", str(concurrency), "-Q", queue)
        pool_size = {"DATABASE_POOL_SIZE": "0" if pool == "prefork" else str(concurrency)}
        flags = ("-l", "INFO", "-E", "-n", f"{name}@%h", "--without-mingle", "--without-gossip")
        child = self.start(name, *command, *flags, **{**pool_size, **env})
        if wait:
            child.wait_for_output(" ready.")
        return child

    def maintainer(self, **env: str) -> Child:
        """Start the maintainer."""
        return self.start("maintain", "manage.py", "maintain", **env)

    def end_all(self) -> None:
        """Kill what still runs, suspended or not."""
        for child in self.children:
            child.kill()


_PREFIX = {
    "manage.py": (sys.executable, str(PROJECT_DIR / "manage.py")),
    "celery": (sys.executable, "-m", "celery"),
    "granian": (sys.executable, "-m", "granian"),
}


def child_env() -> dict[str, str]:
    """Return the environment of a child that works on the test database and the broker, with short leases."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": _test_database_url(),
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
        "RINGMASTER_OVERRIDES": json.dumps(SHORT_TIMES),
        "PYTHONUNBUFFERED": "1",
    }


def _test_database_url() -> str:
    parts = connection.settings_dict
    user = f"{quote(str(parts['USER']), safe='')}:{quote(str(parts['PASSWORD']), safe='')}"
    return f"postgresql://{user}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"
