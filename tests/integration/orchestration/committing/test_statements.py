"""How often a step asks the database: each statement is a round trip that every step of every run pays."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from agents import Task, TransientError
from orchestration import Retry, executor
from orchestration.executor import lending
from orchestration.transitions.heal import wake_now
from tests.integration.orchestration.bench import Bench, step_of
from tests.integration.orchestration.rig import AGENT, graph

AT_ONCE = Retry(backoff_base_seconds=0, jitter_seconds=0)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that this process sends, without those for breakers, which a healthy agent spares it."""
    statements: list[str] = []
    execute: Any = psycopg.Cursor.execute

    def note(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:
        statements.append(query.decode() if isinstance(query, bytes) else str(query))
        return execute(cursor, query, *args, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", note)
    # A call that took long on a busy machine would cost a connection, and what is said to a new one.
    monkeypatch.setattr(lending, "_took", {AGENT: 0.0})
    monkeypatch.setattr(lending, "_QUICK_SECONDS", 60.0)
    with executor.mute_breakers():
        yield statements


def test_a_plain_first_answer_takes_a_claim_and_a_finish(said: list[str]) -> None:
    bench = Bench.make({AGENT: lambda _: "done"})
    run = bench.start(graph({"a": (), "b": ["a"], "c": ["b"]}))
    bench.perform(step_of(run, "a"))  # which reads the workflow's version, once a process
    between = step_of(run, "b")
    said.clear()

    assert bench.perform(between) == "accept"

    assert len(said) == 2, said


@pytest.mark.parametrize("deadline", [None, 600], ids=["plain", "with a deadline"])
def test_a_later_answer_takes_one_look_more_and_that_before_its_agent_is_called(
    said: list[str], deadline: int | None
) -> None:
    before: list[int] = []

    def act(task: Task) -> str:
        if task.attempt == 1:
            raise TransientError("not yet")
        before.append(len(said))
        return "done"

    bench = Bench.make({AGENT: act})
    run = bench.start(graph({"a": (), "b": ["a"]}, retry=AT_ONCE, deadline_seconds=deadline))
    bench.perform(step_of(run, "a"))
    wake_now(run.pk)
    again = step_of(run, "a")
    said.clear()

    assert bench.perform(again) == "accept"

    assert (before, len(said)) == ([2], 3), said
