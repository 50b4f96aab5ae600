from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from django.db import connection, connections

from agents.domain.invocation import Answered, Failed, Outcome, Task
from agents.invoke import invoke, override

Call: TypeAlias = Callable[[Callable[[Task], Any]], Outcome]
TASK = Task(None, {}, None, "run", "step", 1, "token", "key")


@pytest.fixture
def _django_db_helper(committed_db: None) -> None:
    """These tests commit, and find their connections through a pool."""


@pytest.fixture
def pool(_django_db_helper: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A pool of one connection, as workers have: whoever comes next gets what the one before gave back."""
    connection.close()
    options = connections.settings["default"]["OPTIONS"]
    with monkeypatch.context() as patch:
        patch.setitem(options, "pool", {"min_size": 1, "max_size": 1, "timeout": 2})
        yield connection.pool  # type: ignore[attr-defined]  # only PostgreSQL has pools
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def call() -> Call:
    """Let a function be an agent, and call it as the engine does."""

    def call_it(body: Callable[[Task], Any]) -> Outcome:
        connection.close()  # lent to the pool, as by `lent_connection`
        with override({"test.habits": body}):
            return invoke("test.habits", TASK, timeout_seconds=5)

    return call_it


def output_of(outcome: Outcome) -> Any:
    assert isinstance(outcome, Answered), outcome
    return outcome.output


def failure_of(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome
