"""Agents that ignore their deadline: in a thread the step goes on without them and their answer is refused; alone in a
process they are killed.
"""

import os
from dataclasses import replace

import pytest

from orchestration import WorkflowSpec, runs
from orchestration.models import Attempt, Run
from tests.chaos.arena import Arena
from tests.chaos.specs import step


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker()
    arena.isolated_worker()
    arena.maintainer()
    return arena


def _stubborn(name: str, agent: str) -> WorkflowSpec:
    return WorkflowSpec(
        name=name, steps=(replace(step("work", agent=agent, gate=name), timeout_seconds=1.0),)
    )


def test_in_a_thread_it_is_gone_on_without_and_refused_at_the_end(workers: Arena) -> None:
    workers.open_gate("thread", attempt=2)
    run = workers.start(_stubborn("thread", "crash.step"))
    workers.wait_done(run)
    assert _outcomes(run) == [
        ("failed", "timeout", "transient_retry"),
        ("answered", "", "no_confidence_asked"),
    ]

    workers.open_gate("thread", attempt=1)
    workers.wait_until(lambda: workers.count_events("late_write_refused", run), "the refusal")

    ends = workers.journal.lines("end", run=str(run.pk))
    assert len(ends) == 2
    assert run.steps.get().output == {"step": "work", "token": ends[0].token}
    assert runs.verify(run.pk).fault is None


def test_alone_in_a_process_it_is_killed_although_it_hears_nothing(workers: Arena) -> None:
    workers.open_gate("alone", attempt=2)
    run = workers.start(_stubborn("alone", "crash.deaf"))
    workers.wait_done(run)

    first, last = _outcomes(run)
    # The maintainer may be quicker to see that it is overdue than that its process is gone.
    assert first in {("crashed", "crash", "crash_retry"), ("failed", "timeout", "transient_retry")}
    assert last == ("answered", "", "no_confidence_asked")
    deaf = [line.pid for line in workers.journal.lines("deaf", run=str(run.pk))]
    assert len(set(deaf)) == 2
    workers.wait_until(lambda: not _is_alive(deaf[0]), "the end of the process that heard nothing")
    assert len(workers.journal.lines("end", run=str(run.pk))) == 1
    assert runs.verify(run.pk).fault is None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _outcomes(run: Run) -> list[tuple[str | None, str, str]]:
    tried = Attempt.objects.filter(run=run).order_by("number")
    return list(tried.values_list("outcome", "failure_kind", "decision__rule"))
