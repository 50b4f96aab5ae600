"""A RabbitMQ node of a test's own, in a folder of its own, which it may kill, empty and start again."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.services.process import choose_port

# The package's wrapper in /usr/sbin changes the user and the folders; this one starts what it is told.
_PLACES = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/sbin", "/usr/sbin")
_START_SECONDS = 90.0


class RabbitNode:
    """One node, with its own ports, cookie and data."""

    def __init__(self, folder: Path, *, is_full: bool = False) -> None:
        """Place it; `is_full` lets it find its memory full from the start."""
        self._folder = folder
        self._arguments = "-rabbit vm_memory_high_watermark 0" if is_full else ""
        self._port, self._dist_port, self._epmd_port = (choose_port(0) for _ in range(3))
        self._server: subprocess.Popen[bytes] | None = None
        self.broker_url = f"amqp://guest:guest@127.0.0.1:{self._port}//"

    def start(self) -> None:
        """Start the node and wait until it takes connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "plugins").write_text("[].\n")
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [_find_server()], env=self._env(), stdout=log, stderr=log, start_new_session=True
            )
        give_up_at = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"RabbitMQ did not start: see {self._folder / 'server.log'}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End the node as a power cut would, and all that it started."""
        if self._server is None:
            return
        children = psutil.Process(self._server.pid).children(recursive=True)
        self._server.kill()
        self._server.wait()
        self._server = None
        for process in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(children, timeout=10)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let it find its memory full for a while, as it does when more messages come than go."""
        self._control("set_vm_memory_high_watermark", "0.00001")
        try:
            yield
        finally:
            self._control("set_vm_memory_high_watermark", "0.4")

    def _control(self, *order: str) -> None:
        program = str(Path(_find_server()).with_name("rabbitmqctl"))
        subprocess.run([program, *order], env=self._env(), check=True, capture_output=True, timeout=60)

    def empty(self) -> None:
        """Forget every queue and message; the node must not run."""
        shutil.rmtree(self._folder / "mnesia", ignore_errors=True)

    def end(self) -> None:
        """Kill the node and the port mapper that it started."""
        self.kill()
        for process in psutil.process_iter(["name"]):
            if process.info["name"] == "epmd" and self._is_ours(process):
                process.kill()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("ERL_EPMD_PORT") == str(self._epmd_port)
        except psutil.Error:
            return False

    def _answers(self) -> bool:
        # Its listener is the last thing that a node starts.
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _env(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self._folder),  # of the cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"ringmaster{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self._folder / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": self._arguments,
        }


def _find_server() -> str:
    found = shutil.which("rabbitmq-server", path=os.pathsep.join(_PLACES)) or shutil.which("rabbitmq-server")
    if found is None:
        raise RuntimeError("RabbitMQ is not installed: install it (Debian: apt install rabbitmq-server)")
    return found
