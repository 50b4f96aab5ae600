"""A step that keeps the interpreter, or hangs, costs its own place and no more: its process is judged from outside."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
from django.db.models import Max

from orchestration import Retry, WorkflowSpec
from orchestration.models import Attempt, Run, Step, WorkerProcess
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.processes import SHORT_TIMES

_TIMES = SHORT_TIMES | {"DEADLINE_GRACE_SECONDS": 1.0}
NEIGHBOUR = WorkflowSpec(name="neighbour", steps=(step("work", seconds=6.0),))
FINE = WorkflowSpec(name="fine", steps=(step("work"),))
# A lease is 3 s: whoever holds the lock for longer, in wall time at least, looked dead.
HOLDER = WorkflowSpec(name="holder", steps=(step("hold", agent="crash.hold", cpu=5.0),))
STUCK = WorkflowSpec(
    name="stuck", steps=(replace(step("hold", agent="crash.hold", cpu=600.0), timeout_seconds=2.0),)
)
ONCE = Retry(max_attempts=1)
HANGING = WorkflowSpec(name="hanging", steps=(replace(step("hang", agent="crash.hang"), retry=ONCE),))


@pytest.fixture
def quick(arena: Arena) -> Iterator[Arena]:
    """An arena in which each test has workers of its own."""
    yield from _begin_afresh(arena, _TIMES)


@pytest.fixture
def patient(arena: Arena) -> Iterator[Arena]:
    """The same with long beats: what has to happen at once does not happen with the next one."""
    yield from _begin_afresh(arena, _TIMES | {"HEARTBEAT_SECONDS": 300.0, "LEASE_SECONDS": 900.0})


def _begin_afresh(arena: Arena, times: dict[str, float]) -> Iterator[Arena]:
    arena.env["RINGMASTER_OVERRIDES"] = json.dumps(times)
    arena.maintainer()
    yield arena
    arena.supervised.clear()
    arena.starter.end_all()


@pytest.fixture
def known(arena: Arena) -> int:
    """Return the last process of the tests before."""
    return WorkerProcess.objects.aggregate(last=Max("id"))["last"] or 0


def _wait_entered(arena: Arena, known: int) -> WorkerProcess:
    """Return the row of the one worker that came since."""
    rows = WorkerProcess.objects.filter(stopped_at=None, pk__gt=known)
    arena.wait_until(rows.exists, "the worker to enter")
    return rows.get()


def _starts(arena: Arena, *started: Run) -> list[int]:
    return [len(arena.journal.lines("start", run=str(run.pk))) for run in started]


def test_a_step_that_holds_the_interpreter_costs_nobody_an_attempt(quick: Arena, known: int) -> None:
    quick.worker(concurrency=8)
    process = _wait_entered(quick, known)
    neighbours = [quick.start(NEIGHBOUR, {"number": number}) for number in range(4)]
    for run in neighbours:
        quick.wait_started(run, "work")

    holder = quick.start(HOLDER)
    blocked = WorkerProcess.objects.filter(pk=process.pk, blocked_at__isnull=False, blocked_until=None)
    quick.wait_until(blocked.exists, "the process to be told blocked")
    quick.wait_done(*neighbours, holder)

    assert quick.find_faults([*neighbours, holder]) == []
    assert _starts(quick, *neighbours, holder) == [1] * 5
    quick.wait_until(lambda: not blocked.exists(), "the block's end to be told")
    process.refresh_from_db()
    assert (process.died, process.stopped_at) == (False, None)
    assert process.blocked_by == holder.steps.get().pk


def test_it_alone_is_blamed_when_it_does_not_end(quick: Arena) -> None:
    quick.worker(concurrency=8)
    quick.isolated_worker()
    neighbours = [quick.start(NEIGHBOUR, {"number": number}) for number in range(3)]
    for run in neighbours:
        quick.wait_started(run, "work")

    stuck = quick.start(STUCK)
    held = quick.wait_status(stuck, "hold", "held")
    quick.wait_done(*neighbours)

    # Once among others, who are not suspected, and then alone: each counts.
    assert (held.crashes, held.attempt, held.queue) == (3, 3, "isolated")
    assert list(Step.objects.filter(status="held")) == [held]
    assert quick.find_faults(neighbours, most_starts=2) == []
    steps = Step.objects.filter(run__in=neighbours)
    assert set(steps.values_list("crashes", "failures", "queue")) == {(0, 0, "steps")}
    blamed = Attempt.objects.filter(step=held).values_list("error_message", flat=True)
    assert all("it held the interpreter" in message for message in blamed)


def test_threads_that_hang_are_replaced_and_the_worker_can_end(quick: Arena, known: int) -> None:
    worker = quick.worker(concurrency=2, supervise=False)
    process = _wait_entered(quick, known)
    hanging = [quick.start(HANGING, {"number": number}) for number in range(2)]
    for run in hanging:
        quick.wait_status(run, "hang", "held")

    fine = [quick.start(FINE, {"number": number}) for number in range(4)]
    quick.wait_done(*fine)

    assert quick.find_faults(fine) == []
    quick.wait_until(lambda: _load(process) == (0, 2), "the lost threads to be told")
    assert "thread_lost" in worker.output()
    os.kill(worker.pid, signal.SIGTERM)
    quick.wait_until(lambda: not worker.is_running, "the worker's end", seconds=20)
    process.refresh_from_db()
    assert (process.died, process.stopped_at is not None) == (False, True)


def test_when_too_many_hang_the_worker_leaves_in_order(quick: Arena) -> None:
    worker = quick.worker(concurrency=1, supervise=False)
    for number in range(2):
        run = quick.start(HANGING, {"number": number})
        quick.wait_status(run, "hang", "held")

    quick.wait_until(lambda: not worker.is_running, "the worker's end", seconds=30)

    assert worker.popen.returncode == 70, worker.output()
    assert "worker_leaves" in worker.output()
    assert not WorkerProcess.objects.latest("pk").died


def test_the_heart_ends_with_its_worker_and_a_lost_one_is_replaced(patient: Arena, known: int) -> None:
    worker = patient.worker(supervise=False)
    process = _wait_entered(patient, known)
    (heart,) = _hearts_of(worker.pid)
    heart.kill()
    patient.wait_until(lambda: [one for one in _hearts_of(worker.pid) if one != heart], "another heart")
    run = patient.start(FINE)
    patient.wait_done(run)
    (other,) = _hearts_of(worker.pid)
    beats = WorkerProcess.objects.filter(pk=process.pk, beat_at__gt=process.beat_at)
    patient.wait_until(beats.exists, "a beat of the other heart, for the same row")

    worker.kill()

    patient.wait_until(lambda: not other.is_running(), "the heart's end", seconds=10)
    assert not WorkerProcess.objects.filter(pk__gt=process.pk).exists()


def _hearts_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if _is_heart(child)]


def _is_heart(process: psutil.Process) -> bool:
    try:
        return "pacemaker.py" in " ".join(process.cmdline())
    except psutil.Error:  # it is over, or ends just now
        return False


def _load(process: WorkerProcess) -> tuple[int, int]:
    process.refresh_from_db()
    return process.busy, process.hung
