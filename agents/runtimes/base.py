"""The interface of a runtime; model-backed and remote agents get runtimes of their own."""

from __future__ import annotations

from typing import Protocol

from agents.domain.catalogue import RegisteredAgent
from agents.domain.invocation import Task


class Runtime(Protocol):
    """Carries out one attempt and knows nothing of steps, rows or policies."""

    def run(self, agent: RegisteredAgent, task: Task, timeout_seconds: float) -> object:
        """Return what the agent returned, or raise what it raised.

        Args:
            agent: whose turn it is.
            task: handed to it unchanged.
            timeout_seconds: after this long, stop it where it can be stopped.

        Raises:
            TimeoutError: it was stopped.
        """
