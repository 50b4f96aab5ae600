"""The demo's processes: the same as the Procfile's, on local ports, under the supervisor."""

import json
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings

from agents.errors import AgentError
from agents.providers import find_spec, has_key
from config import env
from config.errors import ServiceError
from config.services.process import choose_port, wait_until
from config.settings.examples import ASSISTANT_MODEL, SCRIPTED
from config.state import read_private, write_private
from config.supervisor import Program, Supervisor

_WEB_PORT = 8000
_FLOWER_PORT = 5555
_MODEL_PORT = 8765
_SCRIPT = "examples/assistant/data/script.json"
_WORKER_FLAGS = ("-l", "INFO", "-E", "--without-mingle", "--without-gossip")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo can be seen.

    Attributes: model_port: of the server that answers in a model's place; None if a provider is asked, or nobody.
    """

    web_port: int
    flower_port: int
    model_port: int | None = None

    @property
    def web_url(self) -> str:
        """The console's address."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def flower_url(self) -> str:
        """Flower's address."""
        return f"http://127.0.0.1:{self.flower_port}"

    @property
    def _model_url(self) -> str:
        return f"http://127.0.0.1:{self.model_port}/v1"

    def moved_ports(self) -> list[str]:
        """Say which usual port was taken, a line each."""
        moves = (
            ("the console", _WEB_PORT, self.web_port),
            ("Flower", _FLOWER_PORT, self.flower_port),
            ("the model server", _MODEL_PORT, self.model_port or _MODEL_PORT),
        )
        return [f"Port {usual} is taken: {name} uses {port}." for name, usual, port in moves if port != usual]

    def programs(self) -> list[Program]:
        """Return what the supervisor runs."""
        python = sys.executable
        celery = (python, "-m", "celery", "-A", "config")
        # Event streams stay open for minutes: whoever stops the web process does not wait for them.
        patience = ("--workers-kill-timeout", "5")
        where = ("--host", "127.0.0.1", "--port", str(self.web_port))
        web = ("--interface", "asginl", "--no-ws", *patience, *where)
        steps = ("-P", "threads", "-c", "64", "-Q", "steps", "-n", "steps@%h")
        isolated = (
            "-P",
            "prefork",
            "-c",
            "2",
            "-Q",
            "isolated",
            "-n",
            "isolated@%h",
            "--max-tasks-per-child=100",
        )
        flower = ("--read_only=True", "--address=127.0.0.1", f"--port={self.flower_port}")
        return [
            self._program("web", 8, (python, "-m", "granian", *web, "config.asgi:application")),
            self._program("worker", 16, (*celery, "worker", *steps, *_WORKER_FLAGS)),
            self._program("worker-isolated", 0, (*celery, "worker", *isolated, *_WORKER_FLAGS)),
            self._program("maintain", 0, (python, "manage.py", "maintain")),
            self._program("flower", 0, (*celery, "flower", *flower)),
            *self._model_programs(),
        ]

    def _model_programs(self) -> list[Program]:
        if self.model_port is None:
            return []
        serve = (sys.executable, "manage.py", "model_server", _SCRIPT, "--port", str(self.model_port))
        return [self._program("models", 0, serve)]

    def _program(self, name: str, pool_size: int, command: tuple[str, ...]) -> Program:
        environment = env.for_child(
            DJANGO_SETTINGS_MODULE="config.settings.local",
            DATABASE_POOL_SIZE=str(pool_size),
            FLOWER_URL=self.flower_url,
            PYTHONUNBUFFERED="1",
            **({} if self.model_port is None else {"ASSISTANT_BASE_URL": self._model_url}),
        )
        return Program(name, command, environment)


def set_stage() -> Stage:
    """Choose the ports: the usual ones, else free ones.

    Raises: ServiceError: the assistant shall ask a provider, whose key is not here.
    """
    model_port = choose_port(_MODEL_PORT) if _answers_by_script() else None
    return Stage(choose_port(_WEB_PORT), choose_port(_FLOWER_PORT), model_port)


def _answers_by_script() -> bool:
    if ASSISTANT_MODEL not in settings.RINGMASTER["MODELS"]:
        return False  # the example is not installed
    try:
        spec = find_spec(ASSISTANT_MODEL)
    except AgentError as error:
        raise ServiceError(str(error)) from error
    if not has_key(spec):
        raise ServiceError(
            f"The assistant shall ask {spec.address}, but {spec.api_key_env} is not set: set it to the provider's key, "
            "or unset ASSISTANT_MODEL to have scripted answers."
        )
    return f"{spec.kind}:{spec.model}" == SCRIPTED


def listens(port: int, *, within_seconds: float) -> bool:
    """Wait until something listens on the local port."""

    def accepts() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return wait_until(accepts, within_seconds)


@dataclass(slots=True)
class StageRecord:
    """The file `demo.json`: whose demo runs here, and what it must stop, should it be killed outright."""

    state_dir: Path
    servers: tuple[str, ...] = ()

    def claim(self, started: tuple[str, ...]) -> tuple[str, ...]:
        """Make this process the only demo of the state folder; end what a killed demo left behind.

        Args:
            started: the servers this demo started.

        Returns:
            The servers to stop in the end: these and those that a killed demo had started.

        Raises:
            ServiceError: another demo runs; the message names it.
        """
        former = json.loads(read_private(self._path) or "{}")
        owner = _living(former.get("owner"))
        if owner is not None and owner.pid != os.getpid():
            raise ServiceError(
                f"A demo runs here already (pid {owner.pid}): end it with Ctrl-C in its terminal."
            )
        for mark in former.get("groups", []):
            if (leader := _living(mark)) is not None:
                os.killpg(leader.pid, signal.SIGKILL)
        self.servers = tuple({*started, *former.get("servers", [])})
        self._write([])
        return self.servers

    def remember(self, supervisor: Supervisor) -> None:
        """Write down the process groups that run now."""
        marks = [_mark(process_id) for process_id in supervisor.process_ids().values()]
        self._write([mark for mark in marks if mark is not None])

    def remove(self) -> None:
        """Forget that a demo runs here."""
        self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self.state_dir / "demo.json"

    def _write(self, groups: list[list[float]]) -> None:
        content = {"owner": _mark(os.getpid()), "servers": self.servers, "groups": groups}
        write_private(self._path, json.dumps(content))


def _mark(process_id: int) -> list[float] | None:
    """Return what tells a process from a later one with the same id."""
    try:
        return [process_id, psutil.Process(process_id).create_time()]
    except psutil.NoSuchProcess:
        return None


def _living(mark: list[float] | None) -> psutil.Process | None:
    if mark is None:
        return None
    try:
        process = psutil.Process(int(mark[0]))
        is_same = abs(process.create_time() - mark[1]) < 0.01
    except psutil.NoSuchProcess:
        return None
    return process if is_same else None
