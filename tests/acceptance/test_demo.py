"""The demo as a newcomer meets it: one command, a killed worker in the middle, Ctrl-C, and once more."""

import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.services import throwaway
from tests.processes import Child, ProcessStarter, wait_for

_SECONDS = 240


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A state folder of its own, where the servers' user can get to."""
    with throwaway.throw_away("of the demo") as parent:
        yield parent / "state"


@pytest.fixture
def starter(state_dir: Path, tmp_path: Path) -> Iterator[ProcessStarter]:
    """Start the demo as from a fresh checkout: no servers, no settings in the environment."""
    own = {
        "DATABASE_URL",
        "CELERY_BROKER_URL",
        "DJANGO_SETTINGS_MODULE",
        "RINGMASTER_OVERRIDES",
        "PYTHONUNBUFFERED",
        "ASSISTANT_MODEL",
        "ASSISTANT_BASE_URL",
    }
    environment = {name: value for name, value in os.environ.items() if name not in own}
    starter = ProcessStarter({**environment, "RINGMASTER_STATE_DIR": str(state_dir)}, tmp_path)
    yield starter
    for child in starter.children:
        child.stop(seconds=60)


def _ours(state_dir: Path) -> list[psutil.Process]:
    """Return every process of the demo: by what it inherited, or (the servers) by where it works."""
    return [one for one in psutil.process_iter() if _belongs_to(one, state_dir)]


def _belongs_to(one: psutil.Process, state_dir: Path) -> bool:
    try:
        inherited = one.environ().get("RINGMASTER_STATE_DIR") == str(state_dir)
        return one.status() != psutil.STATUS_ZOMBIE and (inherited or one.cwd().startswith(str(state_dir)))
    except psutil.Error:
        return False


def _worker(state_dir: Path, queue: str) -> psutil.Process:
    found = [one for one in _ours(state_dir) if f"-Q {queue}" in _command_line(one)]
    return min(found, key=lambda one: one.create_time())


def _command_line(one: psutil.Process) -> str:
    try:
        return " ".join(one.cmdline())
    except psutil.Error:  # it ended since
        return ""


def _count(output: str, what: str) -> int:
    found = re.search(rf"^  {what}\s+(\d+)", output, re.MULTILINE)
    assert found, output
    return int(found.group(1))


def _page(output: str, what: str) -> str:
    found = re.search(rf"^  {what}\s+(http://\S+)", output, re.MULTILINE)
    assert found, output
    with urllib.request.urlopen(found.group(1), timeout=30) as answer:  # noqa: S310 - our own local address
        assert answer.status == 200
        return str(answer.read().decode())


def test_the_demo_survives_a_killed_worker_and_ends_cleanly(starter: ProcessStarter, state_dir: Path) -> None:
    demo = starter.start("demo", "manage.py", "demo")
    wait_for(lambda: _first_progress(demo), seconds=_SECONDS, what="the first settled message")

    _worker(state_dir, "steps").kill()

    assert "were worked off" not in demo.output(), "the worker was killed too late to prove anything"
    demo.wait_for_output("Serving until Ctrl-C", seconds=_SECONDS)
    first = demo.output()
    answered, escalated = _count(first, "answered"), _count(first, "escalated")
    assert (_count(first, "failed"), _count(first, "tickets")) == (0, escalated)
    assert min(answered, escalated) > 0
    assert "  ticket " in first
    assert ": refund (euro 249, order 1041, reason " in first
    assert "Log in" in _page(first, "console")
    assert "Flower" in _page(first, "Flower")

    demo.popen.send_signal(signal.SIGINT)
    assert demo.popen.wait(60) == 0
    wait_for(lambda: _ours(state_dir) == [], what="no process left")

    again = starter.start("again", "manage.py", "demo", "--once")
    assert again.popen.wait(_SECONDS) == 0, again.output()
    assert "nothing was started again" in again.output()
    assert "was printed at the first start" in again.output()
    assert (_count(again.output(), "answered"), _count(again.output(), "escalated")) == (answered, escalated)
    assert "These calls wait for a person" in again.output()
    wait_for(lambda: _ours(state_dir) == [], what="no process left")


def test_a_demo_without_the_key_that_it_needs_says_so_and_ends(
    starter: ProcessStarter, state_dir: Path
) -> None:
    demo = starter.start(
        "keyless", "manage.py", "demo", ASSISTANT_MODEL="anthropic:claude-sonnet-5", ANTHROPIC_API_KEY=""
    )

    assert demo.popen.wait(_SECONDS) == 1
    assert (
        "The assistant shall ask anthropic/claude-sonnet-5, but ANTHROPIC_API_KEY is not set" in demo.output()
    )
    wait_for(lambda: _ours(state_dir) == [], what="no process left")


def _first_progress(demo: Child) -> bool:
    assert demo.is_running, demo.output()
    return re.search(r"^  [1-9]\d*/\d+ messages", demo.output(), re.MULTILINE) is not None
