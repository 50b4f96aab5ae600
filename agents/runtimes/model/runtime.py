"""The runtime of model-backed agents: their coroutine runs where those of functions do."""

from __future__ import annotations

from dataclasses import replace

from agents.domain.catalogue import RegisteredAgent
from agents.domain.invocation import Task
from agents.runtimes.base import Runtime
from agents.runtimes.model.builds import builds, perform


class ModelRuntime:
    """Performs attempts of agents that a model backs.

    Args: functions: what runs coroutines: their deadline, their loop and what they leave behind are the same.
    """

    def __init__(self, functions: Runtime) -> None:
        self._functions = functions

    def run(self, agent: RegisteredAgent, task: Task, timeout_seconds: float) -> object:
        """Return what the agent answered."""
        built = builds.find(agent)
        return self._functions.run(
            replace(agent, function=lambda given: perform(agent, built, given)), task, timeout_seconds
        )
