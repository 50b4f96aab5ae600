"""Keeps processes alive: each in a group of its own, restarted with back-off when it dies, ended together.

The demo uses it; production has its own (systemd, a container platform) and the Procfile.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# Whoever lived this long did not die of its start: it is started again at once.
_SETTLED_SECONDS = 20.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and with which environment."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(slots=True)
class _Watched:
    program: Program
    popen: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    due: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs programs until `stop`; their output goes to `<log_dir>/<name>.log`.

    Attributes:
        working_dir: where the programs run.
        log_dir: where their logs are appended.
        stop_seconds: how long `stop` waits before it kills.
    """

    working_dir: Path
    log_dir: Path
    stop_seconds: float = 20.0
    _watched: list[_Watched] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, programs: list[Program]) -> None:
        """Start the programs and the thread that watches them."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        now = time.monotonic()
        self._watched += [_Watched(program, self._launch(program), now) for program in programs]
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End every program: ask the processes, wait, then kill what is left of their groups."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        for watched in self._watched:
            _signal(watched.popen.terminate)
        deadline = time.monotonic() + self.stop_seconds
        for watched in self._watched:
            _wait(watched.popen, deadline - time.monotonic())
            _kill_group(watched.popen)
        self._watched.clear()

    def process_ids(self) -> dict[str, int]:
        """Return the living programs' process ids by name; each is also its group's id."""
        return {one.program.name: one.popen.pid for one in self._watched if one.popen.poll() is None}

    def restarts(self) -> dict[str, int]:
        """Return how often each program had to be started again."""
        return {one.program.name: one.deaths for one in self._watched}

    def _watch(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            for watched in self._watched:
                self._look_after(watched, time.monotonic())

    def _look_after(self, watched: _Watched, now: float) -> None:
        if watched.popen.poll() is None:
            return
        if watched.due is None:
            # Children of a killed worker would go on beside its successor.
            _kill_group(watched.popen)
            settled = now - watched.started > _SETTLED_SECONDS
            watched.deaths += 1
            watched.due = now if settled else now + _pause(watched.deaths)
        elif now >= watched.due:
            watched.popen, watched.started, watched.due = self._launch(watched.program), now, None

    def _launch(self, program: Program) -> subprocess.Popen[bytes]:
        with (self.log_dir / f"{program.name}.log").open("ab") as log:
            return subprocess.Popen(
                program.command,
                cwd=self.working_dir,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal is for us; we then end the programs in order.
                start_new_session=True,
            )


def _pause(deaths: int) -> float:
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** (deaths - 1), _LONGEST_PAUSE_SECONDS)


def _wait(popen: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        popen.wait(max(seconds, 0.1))
    except subprocess.TimeoutExpired:
        _kill_group(popen)
        popen.wait()


def _kill_group(popen: subprocess.Popen[bytes]) -> None:
    _signal(lambda: os.killpg(popen.pid, signal.SIGKILL))


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(ProcessLookupError):
        send()
