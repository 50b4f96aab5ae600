"""Agents that do nothing, wait, or keep a worker busy for a while."""

import time

from agents import Task, agent


@agent("bench.noop")
def noop(_: Task) -> dict[str, int]:
    """Do nothing."""
    return {"n": 1}


@agent("bench.nothing")
def nothing(_: Task) -> None:
    """Do nothing and say nothing: a thousand of these fit one hand-off."""


@agent("bench.sleep", timeout_seconds=60)
def sleep(task: Task) -> None:
    """Wait as a model call waits: the input's seconds, or the step's share of the run's."""
    time.sleep(task.input.get("seconds", 0.0))


@agent("bench.actor", mailbox=1)
def take(_: Task) -> dict[str, int]:
    """Read one message and do nothing."""
    return {"n": 1}
