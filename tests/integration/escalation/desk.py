"""A small workflow whose draft waits for a person, and what several people at once need."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from agents import Result, Task
from agents.invoke import override
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.testing import FinishedRun, drive

PROPOSAL = {"body": "Dear Ada,\nyour lamp is on its way.", "facts": {"order": 7}, "subject": "Your order"}
EDITED = {"body": "Dear Ada,\nit comes on Friday.", "facts": {"order": 7}, "subject": "Your order"}

LETTER = WorkflowSpec(
    name="letter",
    sla="customer-facing",
    steps=(
        StepSpec("facts", agent="test.facts"),
        StepSpec("draft", agent="test.writer", needs=("facts",)),
        StepSpec("send", agent="test.sender", needs=("draft",)),
    ),
)
TWINS = WorkflowSpec(
    name="twins",
    sla="internal",
    steps=(StepSpec("left", agent="test.writer"), StepSpec("right", agent="test.writer")),
)


def _write(task: Task) -> Result:
    if task.feedback:
        return Result({"body": f"Better: {task.feedback}"}, confidence=0.4)
    return Result(PROPOSAL, confidence=0.5)


AGENTS: dict[str, Callable[[Task], Any]] = {
    "test.facts": lambda _task: {"order": 7},
    "test.doubter": lambda _task: Result({"body": "perhaps"}, confidence=0.1),
    "test.writer": _write,
    "test.sender": lambda task: {"sent": task.handoff["draft"]},
}


def fail(task: Task) -> Any:
    raise ValueError("no such order")


def hold(
    spec: WorkflowSpec = LETTER, *, requested_by: User | None = None, writer: Callable[[Task], Any] = _write
) -> list[Ticket]:
    """Run a workflow until only people can go on; return its open tickets by id."""
    with override(AGENTS), mute_dispatch():
        runs.publish(spec)
        run = runs.start(spec.name, {"text": "Where is my lamp?"}, requested_by=requested_by)
    drive(run.pk, agents={**AGENTS, "test.writer": writer})
    return list(Ticket.objects.filter(run=run.pk, status="open").order_by("pk"))


def go_on(ticket: Ticket) -> FinishedRun:
    """Let the run of a decided ticket go on as far as it can."""
    return drive(ticket.run_id, agents=AGENTS)


def expire_claim(ticket: Ticket) -> None:
    """Put the end of the claim into the past."""
    Ticket.objects.filter(pk=ticket.pk).update(claim_expires_at=ticket.opened_at - timedelta(hours=1))


def race(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls at once, each on a connection of its own; return answers or errors in order."""
    answers: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            answers[place] = call()
        except Exception as error:  # noqa: BLE001 - the errors are what a race is asked about
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads), "a call still waits for somebody else's lock"
    return answers


def count_waiting() -> int:
    """Return how many locks are waited for; unlike pg_stat_activity, this is fresh within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
