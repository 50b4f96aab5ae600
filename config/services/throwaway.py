"""Folders for servers whose data nobody will need: benchmarks and tests work in them.

Each is removed with its servers and processes when its owner is done. The owner holds a lock on it as long as it lives,
so whatever a killed owner left behind is found and removed when the next folder is made.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.errors import ServiceError
from config.services import launcher
from config.services.placement import is_below_system_dir
from config.services.record import read_records

# Of the folders that this process owns: the lock of each falls with the process, however it ends.
_held: dict[Path, int] = {}


@contextmanager
def throw_away(purpose: str, *, parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder, in which others may pass but not list; remove it and all that runs there at the end."""
    folder = make_throwaway(purpose, parent=parent)
    try:
        yield folder
    finally:
        remove_throwaway(folder)


def make_throwaway(purpose: str, *, parent: Path | None = None) -> Path:
    """Return a new folder of this process, after removing those whose owners are dead.

    Args: purpose: the beginning of its name.  parent: the system's folder for temporary files by default.
    Raises: ServiceError: the folder around it belongs to somebody else.
    """
    root = _open_root(parent or Path(tempfile.gettempdir()))
    with _locked(root):
        for folder in root.iterdir():
            if folder.is_dir() and not _is_owned(folder):
                remove_throwaway(folder)
        folder = root / f"{purpose}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o711)
        _held[folder] = _lock(folder, wait=True)
    return folder


def remove_throwaway(folder: Path) -> None:
    """End what works in a folder and remove it, and what its servers keep elsewhere."""
    _end_processes(folder)
    for record_file in folder.rglob("services.json"):
        _remove_servers(record_file.parent)
    shutil.rmtree(folder, ignore_errors=True)
    if (descriptor := _held.pop(folder, None)) is not None:
        os.close(descriptor)


def _remove_servers(state_dir: Path) -> None:
    with contextlib.suppress(ServiceError):
        launcher.stop(state_dir)
        for record in read_records(state_dir).values():
            data_dir = Path(record.data_dir)
            shutil.rmtree(data_dir, ignore_errors=True)
            if is_below_system_dir(data_dir):
                with contextlib.suppress(OSError):
                    data_dir.parent.rmdir()  # empty when the last of its servers is gone


def _end_processes(folder: Path) -> None:
    """Kill what was told to use a state folder in here: a killed owner's workers would go on for ever."""
    others = (one for one in psutil.process_iter(["environ"]) if one.pid != os.getpid())
    users = [one for one in others if _uses(one, folder)]
    for one in users:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(users, timeout=5)


def _uses(one: psutil.Process, folder: Path) -> bool:
    state_dir = (one.info["environ"] or {}).get("RINGMASTER_STATE_DIR", "")
    return state_dir != "" and Path(state_dir).is_relative_to(folder)


def _open_root(parent: Path) -> Path:
    root = parent / f"ringmaster-throwaway-{os.getuid()}"
    root.mkdir(mode=0o711, parents=True, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise ServiceError(f"{root} belongs to somebody else: remove it, or set TMPDIR to a folder of yours.")
    return root


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    descriptor = _lock(root, wait=True)
    try:
        yield
    finally:
        os.close(descriptor)


def _is_owned(folder: Path) -> bool:
    try:
        os.close(_lock(folder, wait=False))
    except BlockingIOError:
        return True
    return False


def _lock(folder: Path, *, wait: bool) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
