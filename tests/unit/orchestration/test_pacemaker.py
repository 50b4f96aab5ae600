"""What the heart's own process concludes from what the system says of a process that fell silent."""

import io
import json
import os
import socket
import subprocess
import sys
import time
from mmap import mmap

import psutil
import pytest

from orchestration.worker import pacemaker
from orchestration.worker.looking import PLACE, Flight, Gone, Look, find_holder, is_working, look_at
from orchestration.worker.pacemaker import Terms, Ward, is_beyond_help

TERMS = Terms("", owner=0, heartbeat_seconds=1.0, lease_seconds=15.0, patience_seconds=10.0, count_calls="")
FIRST, SECOND = Flight(11, 501, ends_at=100.0), Flight(12, 502, ends_at=300.0)


def look(at: float, **used: float) -> Look:
    return Look(at, {int(name[1:]): seconds for name, seconds in used.items()})


def test_a_thread_that_burns_cpu_is_at_work_and_those_that_wait_for_the_lock_are_not() -> None:
    before = look(0.0, t11=5.0, t12=1.0)
    assert is_working(before, look(1.0, t11=5.9, t12=1.0))
    assert not is_working(before, look(1.0, t11=5.02, t12=1.02))
    assert not is_working(before, before)


def test_the_step_is_at_fault_whose_thread_used_the_cpu() -> None:
    before = look(0.0, t10=2.0, t11=5.0, t12=1.0)
    after = look(4.0, t10=2.1, t11=5.1, t12=4.9)
    assert find_holder(before, after, [FIRST, SECOND]) == SECOND


@pytest.mark.parametrize(
    "after",
    [
        look(4.0, t10=6.0, t11=5.1, t12=1.1),  # a thread that performs no step
        look(4.0, t10=2.0, t11=7.0, t12=3.0),  # two steps, one of which may have let go of the lock
    ],
)
def test_where_it_can_not_be_told_nobody_is_blamed(after: Look) -> None:
    assert find_holder(look(0.0, t10=2.0, t11=5.0, t12=1.0), after, [FIRST, SECOND]) is None


def ward(*flights: Flight) -> Ward:
    memory = mmap(-1, PLACE.size * 4)
    for place, flight in enumerate(flights):
        memory[place * PLACE.size : (place + 1) * PLACE.size] = PLACE.pack(
            flight.thread, flight.step, flight.ends_at
        )
    with socket.socket() as channel:
        return Ward(channel, memory, ticked_at=50.0)


def test_a_blocked_process_is_ended_when_the_step_that_blocks_it_is_long_past_its_deadline() -> None:
    blocked = ward(FIRST, SECOND)
    assert blocked.flights() == [FIRST, SECOND]
    assert not is_beyond_help(blocked, FIRST, TERMS, 110.0)
    assert is_beyond_help(blocked, FIRST, TERMS, 110.1)


def test_while_the_culprit_is_not_known_all_are_waited_for() -> None:
    blocked = ward(FIRST, SECOND)
    assert not is_beyond_help(blocked, None, TERMS, 310.0)
    assert is_beyond_help(blocked, None, TERMS, 310.1)


def test_one_without_steps_is_ended_after_a_lease() -> None:
    assert not is_beyond_help(ward(), None, TERMS, 75.0)
    assert is_beyond_help(ward(), None, TERMS, 75.1)


def test_a_process_is_seen_working_stopped_and_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        process = psutil.Process(child.pid)
        before = look_at(process)
        assert before is not None
        deadline = time.monotonic() + 20
        while (after := look_at(process)) is None or max(after.used.values()) < 0.1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.suspend()
        while look_at(process) is not None:
            assert time.monotonic() < deadline
        process.kill()
    finally:
        child.kill()
    child.wait(20)
    with pytest.raises(Gone):
        look_at(process)


def test_another_process_with_the_number_of_one_that_ended_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = psutil.Process()
    assert look_at(process) is not None
    monkeypatch.setattr(process, "_ident", (process.pid, 1.0))  # began long before the one that has it now
    with pytest.raises(Gone):
        look_at(process)


class _Gone(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, _Gone()])
def test_it_needs_nobody_who_reads_what_it_says(monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    pacemaker.shout("a step holds the interpreter")


def test_it_loads_nothing_of_the_project_and_ends_with_its_owner() -> None:
    ours, theirs = socket.socketpair()
    terms = Terms("", os.getpid(), 0.05, 15.0, 10.0, "")
    code = (
        f"import sys, runpy; sys.argv = ['', '{theirs.fileno()}'];"
        f"runpy.run_path({pacemaker.__file__!r}, run_name='__main__');"
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'orchestration', 'agents', 'celery')])"
    )
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            text=True,
        )
    assert child.stdin is not None
    child.stdin.write(json.dumps({name: getattr(terms, name) for name in Terms.__slots__}) + "\n")
    child.stdin.flush()
    ours.close()

    said, _ = child.communicate(timeout=20)
    assert (child.returncode, said) == (0, "[]\n")
