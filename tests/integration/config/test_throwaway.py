"""What is thrown away is gone at the end, and after a kill -9 at the next start; never while its owner lives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.errors import ServiceError
from config.services import launcher, throwaway
from config.services.record import read_records
from tests.processes import PROJECT_DIR, wait_for

_OWNER = """
import os, subprocess, sys
from pathlib import Path
from config.services import launcher, throwaway

folder = throwaway.make_throwaway("owned", parent=Path(sys.argv[1]))
state_dir = folder / "state"
if sys.argv[2] == "private":
    state_dir.mkdir(mode=0o700)
launcher.start(state_dir, durable=False)
user = subprocess.Popen(["sleep", "600"], env={**os.environ, "RINGMASTER_STATE_DIR": str(state_dir)})
print(folder, user.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder that the servers' user can enter."""
    with throwaway.throw_away("of tests") as folder:
        yield folder


def _start_owner(parent: Path, kind: str = "open") -> tuple[subprocess.Popen[str], Path, int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(parent), kind],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    folder, user = owner.stdout.readline().rsplit(" ", 1)
    return owner, Path(folder), int(user)


def _kill(owner: subprocess.Popen[str]) -> None:
    with owner:  # closes its pipes
        owner.kill()


def _servers_of(data_dirs: list[Path]) -> list[int]:
    homes = {str(folder) for folder in data_dirs} | {str(folder / "cluster") for folder in data_dirs}
    return [one.pid for one in psutil.process_iter(["cwd"]) if one.info["cwd"] in homes]


@pytest.mark.parametrize("kind", ["open", "private"])
def test_what_a_killed_owner_left_is_gone_after_the_next_start(parent: Path, kind: str) -> None:
    owner, folder, user = _start_owner(parent, kind)
    data_dirs = [Path(record.data_dir) for record in read_records(folder / "state").values()]
    elsewhere = kind == "private" and os.geteuid() == 0
    assert all(data_dir.is_relative_to(folder) != elsewhere for data_dir in data_dirs)
    assert len(_servers_of(data_dirs)) >= 2
    _kill(owner)

    with throwaway.throw_away("next", parent=parent):
        assert not folder.exists()
        assert [data_dir for data_dir in data_dirs if data_dir.exists()] == []
        wait_for(lambda: not _servers_of(data_dirs), what="the servers' end")
        assert not psutil.pid_exists(user) or psutil.Process(user).status() == psutil.STATUS_ZOMBIE


def test_what_a_living_owner_has_stays(parent: Path) -> None:
    owner, folder, user = _start_owner(parent)
    try:
        with throwaway.throw_away("next", parent=parent):
            assert (folder / "state" / "services.json").exists()
            assert psutil.pid_exists(user)
    finally:
        _kill(owner)


def test_at_the_end_nothing_is_left(parent: Path) -> None:
    with throwaway.throw_away("short", parent=parent) as folder:
        launcher.start(folder, ("valkey",), durable=False)
        data_dirs = [Path(record.data_dir) for record in read_records(folder).values()]
    assert not folder.exists()
    assert _servers_of(data_dirs) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_strangers_folder_is_not_used(parent: Path) -> None:
    root = parent / f"ringmaster-throwaway-{os.getuid()}"
    root.mkdir()
    os.chown(root, 65534, 65534)
    with pytest.raises(ServiceError, match="belongs to somebody else"):
        throwaway.make_throwaway("mine", parent=parent)
