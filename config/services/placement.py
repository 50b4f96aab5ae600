"""Decides as whom a server runs and where its programs and data lie.

PostgreSQL refuses to run as root. So under root both servers run as an existing unprivileged user, and what
that user can't reach (a checkout below a 0700 home) is kept or copied below /var/lib.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import env
from config.errors import ServiceError
from config.services.binaries import Program

_SYSTEM_DIR = Path("/var/lib/ringmaster")
_STAND_INS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The user a server runs as: ourselves, or a stand-in for root."""

    uid: int
    gid: int
    is_stand_in: bool

    def popen_options(self) -> dict[str, Any]:
        """Return how to start a child as this user: a clean environment (no PG* leaks), no private umask."""
        options: dict[str, Any] = {"env": {**env.search_path(), "LC_ALL": "C.UTF-8"}, "umask": 0o077}
        if self.is_stand_in:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user can use what lies in the folder."""
        command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)]
        return subprocess.run(command, cwd="/", check=False, **self.popen_options()).returncode == 0


def choose_account(data_dir: Path) -> Account:
    """Return ourselves; under root the owner of existing data, else the first stand-in this machine has."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_stand_in=False)
    if data_dir.exists() and (owner := data_dir.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, is_stand_in=True)
    for name in _STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, is_stand_in=True)
    raise ServiceError(
        f"PostgreSQL can't run as root and none of the users {', '.join(_STAND_INS)} exists: "
        "add one with `useradd --system postgres`, or set DATABASE_URL."
    )


def choose_data_dir(state_dir: Path, name: str) -> Path:
    """Return a server's folder: in the state folder, or below /var/lib if root's stand-in can't get there."""
    inside = state_dir / name
    if choose_account(inside).can_enter(state_dir):
        return inside
    digest = hashlib.sha256(str(state_dir).encode()).hexdigest()[:16]
    return _SYSTEM_DIR / digest / name


def is_below_system_dir(folder: Path) -> bool:
    """Tell whether a server's folder lies where root's stand-in keeps what it can't keep in the state folder."""
    return folder.is_relative_to(_SYSTEM_DIR)


def make_data_dir(data_dir: Path, account: Account) -> None:
    """Make the server's own folder, private to the account."""
    data_dir.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    data_dir.mkdir(mode=0o700, exist_ok=True)
    if account.is_stand_in:
        os.chown(data_dir, account.uid, account.gid)
    elif data_dir.stat().st_uid != account.uid:
        raise ServiceError(
            f"{data_dir} belongs to another user: run as that user, or set RINGMASTER_STATE_DIR."
        )


def reachable_program(program: Program, account: Account) -> Path:
    """Return the program's path, of a copy below /var/lib if the account can't reach the original."""
    if account.can_enter(program.path):
        return program.path
    if not program.folders:
        raise ServiceError(
            f"uid {account.uid} can't run {program.path}: install it for all users, or set the URLs."
        )
    root = program.folders[0].parent.parent
    stamp = hashlib.sha256(f"{root}{program.path.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    target = _SYSTEM_DIR / f"programs-{stamp}"
    for folder in program.folders:
        _copy_once(folder, target / folder.relative_to(root))
    return target / program.path.relative_to(root)


def _copy_once(folder: Path, target: Path) -> None:
    """Copy a folder whole or not at all, so that a killed copy is never mistaken for a finished one."""
    if target.exists() or not folder.exists():
        return
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.new")
    shutil.copytree(folder, draft, symlinks=True, ignore=shutil.ignore_patterns("include"))
    draft.rename(target)
