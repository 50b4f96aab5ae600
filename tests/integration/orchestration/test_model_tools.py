"""Tools of model-backed agents that ask the database, in threads of the runtime's."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from pydantic_ai import Agent

from agents import model_agent
from orchestration import StepSpec, WorkflowSpec
from orchestration.testing import FinishedRun, call, run_workflow, scripted
from tests.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def _ask_for_session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@model_agent("modelled.asker")
def asker(durable: Any) -> Agent[None, str]:
    agent = Agent("fast", capabilities=durable, name="asker")

    @agent.tool_plain
    def ask_for_session() -> int:
        return _ask_for_session()

    @agent.tool_plain
    def leave_open() -> str:
        transaction.set_autocommit(False)
        Group.objects.create(name="lost")
        return "done"

    return agent


def _run(tool: str) -> FinishedRun:
    spec = WorkflowSpec(name="asker", steps=(StepSpec("work", agent="modelled.asker"),))
    script = scripted(
        lambda messages, n: call(tool) if n == 0 else str(messages[-1].parts[0].content), output_tokens=1
    )
    return run_workflow(spec, {}, models={"fast": script})


def test_a_tool_keeps_no_connection() -> None:
    session = int(_run("ask_for_session").outputs["work"])

    assert session != _ask_for_session()
    wait_for(lambda: not _is_open(session), what="the tool's session to end")


def _is_open(session: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [session])
        return bool(cursor.fetchone()[0])


def test_a_tool_that_ends_inside_its_transaction_has_not_done_its_work() -> None:
    done = _run("leave_open")

    assert done.held == ["work"]
    assert "LeftTransactionOpen" in done.steps["work"].attempts.get().error_class
    assert not Group.objects.filter(name="lost").exists()
