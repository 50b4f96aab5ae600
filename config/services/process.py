"""Starting, watching and ending a server's process, whoever started it."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from config.errors import ServiceError
from config.services.placement import Account

_POLL_SECONDS = 0.02


def choose_port(preferred: int) -> int:
    """Return the preferred port if it is free, else one the system gives."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("No free local port was found: end a program that listens on many ports.")


def launch(command: list[str], *, account: Account, cwd: Path, log: Path, stdin: str = "") -> psutil.Process:
    """Start a server in a session of its own, to outlive the terminal; its output goes to the log."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **account.popen_options(),
        )
    if child.stdin is not None:
        child.stdin.write(stdin.encode())
        child.stdin.close()
    # Popen would warn about a child that outlives it; psutil watches and reaps it from here on.
    child.returncode = 0
    return psutil.Process(child.pid)


def is_running(process: psutil.Process) -> bool:
    """Tell whether the process lives; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll a condition; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def end(process: psutil.Process, signal_number: int, seconds: float) -> None:
    """Ask the process to end with a signal; kill it when it does not."""
    try:
        process.send_signal(signal_number)
    except psutil.NoSuchProcess:
        return
    if not wait_until(lambda: not is_running(process), seconds):
        process.kill()
        wait_until(lambda: not is_running(process), 5)
    with contextlib.suppress(psutil.Error):
        process.wait(0)  # reaps it, should it be our own child


def last_line(log: Path) -> str:
    """Return the last line a server wrote, for error messages."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "no log was written"
    return lines[-1] if lines else "the log is empty"


def processes_in(folder: Path, name: str) -> list[psutil.Process]:
    """Return the processes of that program which work in the folder: a server is found without a pid file."""
    here = str(folder.resolve())
    everything = psutil.process_iter(["name", "cwd"])
    return [one for one in everything if name in (one.info["name"] or "") and one.info["cwd"] == here]
