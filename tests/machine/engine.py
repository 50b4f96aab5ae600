"""The engine with points at which the process that comes there dies: nothing after them is done, nor undone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from orchestration.domain.work import Claim
from tests.machine.bodies import AGENTS

_perform: Any = import_module("orchestration.executor.pipeline")
_conclude: Any = import_module("orchestration.executor.conclusion")
_control: Any = import_module("orchestration.runs.control")
_lending: Any = import_module("orchestration.executor.lending")
_release: Any = import_module("orchestration.transitions.release")
_scheduler: Any = import_module("orchestration.maintenance.scheduler")

POINTS = ("after_claim", "before_release", "before_dispatch", "before_told", "before_cancel")


class Killed(BaseException):
    """The process died here. No Exception: nobody's `except` may outlive the process."""


_armed = threading.local()


@contextmanager
def dying_at(point: str, after: int = 0) -> Iterator[None]:
    """Let this thread die when it comes to a point, after it came there so often."""
    _armed.point, _armed.after = point, after
    try:
        yield
    finally:
        _armed.point = ""


def _hit(point: str) -> None:
    if getattr(_armed, "point", "") == point:
        _armed.after -= 1
        if _armed.after < 0:
            _armed.point = ""
            raise Killed(point)


@contextmanager
def install_kill_points() -> Iterator[None]:
    """Wrap the engine's stages, and keep note of what is completed outside its tables."""
    patches: list[tuple[Any, str, Any]] = [
        (_perform, "claim_together", _after(_perform.claim_together, "after_claim")),
        (_conclude, "finish_together", _noting(_conclude.finish_together)),
        (_perform, "release_together", _before(_perform.release_together, "before_release")),
        (_perform, "dispatch", _before(_perform.dispatch, "before_dispatch")),
        (_release, "fetch_all", _before_told(_release.fetch_all)),
        (_control, "cancel_run", _before(_control.cancel_run, "before_cancel")),
        (_control, "end_orphan", _before(_control.end_orphan, "before_cancel")),
        # A body leaves its connection to others; here each thread has its own, and a new one costs more than a step.
        (_lending, "connections", {DEFAULT_DB_ALIAS: SimpleNamespace(in_atomic_block=True)}),
        # What was forgotten is looked for at once: time does not pass by itself here.
        (_scheduler, "_RELEASE_PATIENCE_SECONDS", 0.0),
    ]
    kept = [(place, name, getattr(place, name)) for place, name, _ in patches]
    for place, name, value in patches:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in kept:
            setattr(place, name, value)


def _before(original: Callable[..., Any], point: str) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        _hit(point)
        return original(*arguments, **options)

    return wrapped


def _after(original: Callable[..., Any], point: str) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        if result is not None:
            _hit(point)
        return result

    return wrapped


def _before_told(original: Callable[..., Any]) -> Callable[..., Any]:
    """Die between the two statements by which a parent's step is told of its child run's end."""

    def fetch_all(statement: str, parameters: Any) -> Any:
        if statement is _release._TOLD:
            _hit("before_told")
        return original(statement, parameters)

    return fetch_all


def _noting(original: Callable[..., Any]) -> Callable[..., Any]:
    def finish_together(claim: Claim, *rest: Any) -> Any:
        finished = original(claim, *rest)
        AGENTS.log.completed.add(claim.idempotency_key)
        return finished

    return finish_together
