"""Agents that do as the machine tells them, and the log they keep outside the engine's tables.

A body either acts at once, by what its thread was told before, or begins, waits to be told, and goes on: between the
two, anything may happen to its claim.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from agents import PermanentError, Result, Task, TransientError
from agents.invoke import override
from orchestration import StepSpec

WORKERS = ("m.work", "m.second", "m.third")
VERIFIERS = ("m.verify", "m.judge")
UNDO = "m.undo"
NAMES = (*WORKERS, *VERIFIERS, UNDO)
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Act:
    """What a body does: `kind`, a number that means something else for each, and steps to spawn."""

    kind: str = "ok"
    number: int = 0
    spawn: tuple[StepSpec, ...] = ()


OK = Act()


@dataclass(frozen=True)
class Start:
    """One line of the log: a body began. `work`: the step with its round and revision."""

    run_id: str
    key: str
    token: str
    work: str


@dataclass
class Log:
    """What bodies wrote down, and which work was seen to be completed."""

    starts: list[Start] = field(default_factory=list)
    completed: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def note_start(self, task: Task) -> None:
        start = Start(task.run_id, task.step_key, task.token, task.idempotency_key)
        if start.work in self.completed:
            self.faults.append(f"{start.work}: a body began after its completion was committed")
        if any(start.token == other.token for other in self.starts[-50:]):
            self.faults.append(f"{start.work}: a second body began under one token")
        self.starts.append(start)


class Agents:
    """The machine's agents: all of them are one body that looks up what its thread is to do."""

    def __init__(self) -> None:
        self.log = Log()
        self._told = threading.local()

    @contextmanager
    def installed(self) -> Iterator[None]:
        self.log = Log()
        with override({name: self._body(name) for name in NAMES}):
            yield

    @contextmanager
    def acting(self, act: Act) -> Iterator[None]:
        """Let every body of this thread act so, at once."""
        self._told.how = lambda: act
        try:
            yield
        finally:
            del self._told.how

    def _body(self, name: str) -> Callable[[Task], Any]:
        def body(task: Task) -> Any:
            self.log.note_start(task)
            return perform_act(name, self._told.how(), task)

        return body

    def begin(self, work: Callable[[], Any]) -> "Overlap":
        """Do some work on a thread of its own until a body begins, or to its end."""
        overlap = Overlap(work, self._told)
        overlap.wait()
        return overlap


class Overlap:
    """Work on another thread that stands still inside a body."""

    def __init__(self, work: Callable[[], Any], told: threading.local) -> None:
        self._acts: queue.Queue[Act] = queue.Queue()
        self._reports: queue.Queue[bool] = queue.Queue()
        self.error: BaseException | None = None
        self.is_inside = False
        thread = threading.Thread(target=self._run, args=(work, told), daemon=True)
        thread.start()

    def _run(self, work: Callable[[], Any], told: threading.local) -> None:
        told.how = self._ask
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self.error = error
        finally:
            connection.close()
            self._reports.put(False)

    def _ask(self) -> Act:
        self._reports.put(True)
        return self._acts.get(timeout=_PATIENCE_SECONDS)

    def wait(self) -> None:
        self.is_inside = self._reports.get(timeout=_PATIENCE_SECONDS)

    def go_on(self, act: Act) -> None:
        """Let the body act; return when the next one has begun (work that runs on), or all is done."""
        self._acts.put(act)
        self.wait()


_FAILURES: dict[str, Exception] = {
    "transient": TransientError("not now"),
    "permanent": PermanentError("never"),
    "bad": ValueError("what is this"),
}


def perform_act(name: str, act: Act, task: Task) -> Any:
    if name in VERIFIERS:
        return _judge(act)
    if act.kind in _FAILURES:
        raise _FAILURES[act.kind]
    match act.kind:
        case "low":
            return Result([act.number], confidence=0.1)
        case "unreadable":
            return object()
        case "spawn" | "unsure_spawn":
            confidence = 0.9 if act.kind == "spawn" else 0.1
            return Result([act.number], confidence=confidence, spawn=list(act.spawn))
        case "rework":
            return _send_back(act, task)
        case _:
            return list(range(act.number % 4))


def _judge(act: Act) -> Any:
    match act.kind:
        case "ok":
            return {"verdict": "PASS", "reasons": []}
        case "low" | "spawn" | "unsure_spawn" | "rework":
            return {"verdict": "FAIL", "reasons": ["not good enough"]}
        case "transient" | "permanent":
            raise _FAILURES[act.kind]
        case _:
            return "garbage"


def _send_back(act: Act, task: Task) -> Any:
    names = sorted(task.handoff) or ["nobody"]
    return Result.rework(names[act.number % len(names)], "look again")


AGENTS = Agents()
