"""The supervisor: what dies comes back, nothing is left behind."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.supervisor import Program, Supervisor
from tests.processes import wait_for

# A parent with a child of its own, as a prefork worker is.
_FAMILY = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, tmp_path / "logs")
    yield supervisor
    supervisor.stop()


def _program(name: str, code: str) -> Program:
    return Program(name, (sys.executable, "-c", code), dict(os.environ))


def _children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_killed_program_comes_back_and_its_children_go(supervisor: Supervisor) -> None:
    supervisor.start([_program("family", _FAMILY)])
    first = supervisor.process_ids()["family"]
    wait_for(lambda: _children(first), what="a child")
    child = _children(first)[0]

    os.kill(first, signal.SIGKILL)

    wait_for(lambda: supervisor.process_ids().get("family", first) != first, what="a new process")
    wait_for(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the old child's end"
    )
    assert supervisor.restarts() == {"family": 1}


def test_a_program_that_dies_at_once_is_started_ever_more_rarely(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start([_program("broken", "print('line', flush=True); raise SystemExit(1)")])
    wait_for(lambda: supervisor.restarts()["broken"] >= 3, what="three deaths")
    # starts at about 0, 0.5 and 1.5 s: without pauses there would be dozens
    assert (tmp_path / "logs" / "broken.log").read_text().count("line") == 3


def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, tmp_path / "logs", stop_seconds=0.5)
    supervisor.start([_program("family", _FAMILY), _program("stubborn", _STUBBORN)])
    log = tmp_path / "logs" / "stubborn.log"
    wait_for(lambda: "up" in log.read_text(), what="the stubborn one")
    family = supervisor.process_ids()["family"]
    wait_for(lambda: _children(family), what="a child")
    everybody = [psutil.Process(pid) for pid in supervisor.process_ids().values()] + _children(family)

    supervisor.stop()

    assert [one for one in everybody if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
