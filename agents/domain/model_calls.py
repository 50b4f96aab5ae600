"""What a model-backed agent's tools are given: the call that is being made, by its key. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from agents.domain.invocation import Task

_KEY: Final[ContextVar[str]] = ContextVar("agents_tool_call_key", default="")


@dataclass(frozen=True, slots=True)
class Call:
    """What a tool of a model-backed agent finds as `ctx.deps`.

    Attributes: task: the attempt for which the agent works.
    """

    task: Task

    @property
    def key(self) -> str:
        """Return the key of the tool call that is being made: the same for every try of it."""
        return _KEY.get() or self.task.idempotency_key


@contextmanager
def make_under(key: str) -> Iterator[None]:
    """Let a tool find the key of its call while it is made."""
    token = _KEY.set(key)
    try:
        yield
    finally:
        _KEY.reset(token)
