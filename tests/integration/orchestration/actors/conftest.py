"""Behaviours for actors of tests: published with fakes, so that no agent need be registered."""

from collections.abc import Callable
from typing import Any

import pytest

from agents import Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs

Fakes = dict[str, Callable[[Task], Any]]
Behave = Callable[..., Fakes]


@pytest.fixture
def behave() -> Behave:
    """Publish a one-step behaviour under an actor's name, and return its fake by name."""

    def publish(
        name: str, turn: Callable[[Task], Any], *, step: dict[str, Any] | None = None, **spec: Any
    ) -> Fakes:
        fakes: Fakes = {name: turn}
        steps = (StepSpec("turn", agent=name, **(step or {})),)
        with override(fakes):
            runs.publish(WorkflowSpec(name=name.replace(".", "-"), actor=name, steps=steps, **spec))
        return fakes

    return publish
