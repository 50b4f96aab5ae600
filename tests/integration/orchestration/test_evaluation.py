"""An expression with loops has a limit of work, and neither the heart nor a neighbour feels it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.expressions import ExpressionFailed, is_dear
from orchestration.evaluation.child import write_message
from orchestration.evaluation.helper import Helpers
from orchestration.testing import run_workflow

ROOT = Path(__file__).resolve().parents[3]
VALUES = {"input": {"n": list(range(100)), "few": list(range(10))}, "steps": {}}
ENDLESS = "input.n.all(a, input.n.all(b, input.n.all(c, input.n.all(d, a + b + c + d >= 0))))"
LOOPS = "input.n.all(a, input.n.all(b, a + b >= 0))"


@pytest.fixture(scope="module")
def helpers() -> Iterator[Helpers]:
    kept = Helpers()
    yield kept
    kept.end()


def _is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("source", "values", "dear"),
    [
        ("input.few.filter(i, i > 3)", {"input": {"few": list(range(10))}}, False),
        ("input.n", VALUES, False),
        (LOOPS, VALUES, True),
        (ENDLESS, VALUES, True),
        ("input.n.map(i, i)", {"input": {"n": list(range(3_000))}}, True),
        ("input.n.map(i, i)", {"input": {"n": "x" * 1_000_000}}, True),
        ("input.n" + "+input.n" * 400, {"input": {"n": ["x"] * 100_000}}, True),
        # A comment may stand wherever a blank may, and a loop's variable may have a name that is known anyway.
        ("input.n.// \nall(item, input.n.// \nall(steps, item + steps >= 0))", VALUES, True),
        ("input.n.all // \n(item, input.n.all // \n(steps, item + steps >= 0))", VALUES, True),
        ("input.n.existsOne(item, input.n.existsOne(steps, item + steps < 0))", VALUES, True),
        ("input.s.matches('^[a-z]+-[0-9]{4}$')", {"input": {"s": "order-1234"}}, False),
        ("input.s.matches('^[a-z]+$')", {"input": {"s": "x" * 1_000_000}}, True),
        ("input.s.matches('(.{0,900}x){1,4}y')", {"input": {"s": "x"}}, True),
        ("input.s.matches('(.\\x7b0,900\\x7dx)\\x7b1,4\\x7dy')", {"input": {"s": "x"}}, True),
        (r"input.s.matches('\\d{4}')", {"input": {"s": "1234"}}, False),
        (r"input.s.matches(r'\d{4}')", {"input": {"s": "1234"}}, False),
        ("input.s.matches(input.p)", {"input": {"s": "x", "p": "(.{0,900}x){1,4}y"}}, True),
        ("input.s.matches // \n('x' + input.p)", {"input": {"s": "x", "p": "y"}}, True),
        ("input.matches.size() == 1", {"input": {"matches": ["x" * 1_000_000]}}, False),
    ],
)
def test_what_can_cost_much_is_known_beforehand(source: str, values: dict[str, Any], dear: bool) -> None:
    assert is_dear(source, values) is dear


def test_work_beyond_the_limit_is_a_failure_and_the_heart_beats_on(helpers: Helpers) -> None:
    gaps: list[float] = []
    stop = threading.Event()

    def beat() -> None:
        last = time.monotonic()
        while not stop.wait(0.01):
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    heart = threading.Thread(target=beat)
    heart.start()
    with pytest.raises(ExpressionFailed, match=r"takes more than 0.3 seconds of work; use fewer loops"):
        helpers.evaluate(ENDLESS, VALUES, 0.3, 1)
    stop.set()
    heart.join()
    assert len(gaps) > 10
    assert max(gaps) < 1.0
    assert helpers.evaluate(LOOPS, VALUES, 20, 1) is True


def test_a_search_beyond_the_limit_is_a_failure(helpers: Helpers) -> None:
    values = {"input": {"s": "aaab" * 200_000}, "steps": {}}
    with pytest.raises(ExpressionFailed, match=r"takes more than 0.3 seconds of work; .*smaller patterns"):
        helpers.evaluate("input.s.matches('(.{0,900}x){1,4}y')", values, 0.3, 1)


def test_too_much_memory_is_a_failure(helpers: Helpers) -> None:
    values = {"input": {"n": list(range(100)), "s": "x" * 1_000_000}, "steps": {}}
    with pytest.raises(ExpressionFailed, match="takes too much memory"):
        helpers.evaluate("input.n.map(a, input.n.map(b, input.s + string(a)))", values, 20, 1)


_CHILD = """
import time
from orchestration.evaluation import child

def work(*_):
    {work}

child._answer = work
child.serve(open(0, "rb", buffering=0), open(1, "wb", buffering=0))
"""


@pytest.mark.parametrize(
    ("work", "ended_by"),
    [
        ("while True: pass", -signal.SIGPROF),
        ("time.sleep(60)", -signal.SIGALRM),  # as on a machine that lets it wait
        ("bytearray(1 << 30)", 1),  # a MemoryError
    ],
    ids=["work", "time", "memory"],
)
def test_a_helper_is_ended_by_each_of_its_limits(work: str, ended_by: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD.format(work=work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with child:
        assert child.stdin is not None
        write_message(child.stdin, ("1", {}, 0.3))  # type: ignore[arg-type]
        child.stdin.flush()
        assert child.wait(30) == ended_by


def test_results_and_faults_come_back_as_they_are(helpers: Helpers) -> None:
    assert helpers.evaluate("input.few.map(i, i * 0.5)", VALUES, 20, 1)[:3] == [0, 0.5, 1]
    with pytest.raises(ExpressionFailed, match=r"^'input.none.map\(i, i\)': no such key 'none'"):
        helpers.evaluate("input.none.map(i, i)", VALUES, 20, 1)


def test_a_helper_finds_its_libraries_where_its_parent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # An interpreter with no libraries of its own, as one has whose libraries stand in PYTHONPATH.
    monkeypatch.setattr(sys, "executable", getattr(sys, "_base_executable", sys.executable))
    bare = Helpers()
    try:
        assert bare.evaluate("input.few.map(i, i + 1)", {"input": {"few": [1]}}, 1.0, 1) == [2]
    finally:
        bare.end()


def test_threads_share_few_helpers(helpers: Helpers) -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(helpers.evaluate(LOOPS, VALUES, 20, 2)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6
    assert len(helpers._idle) <= 2


def test_a_fork_leaves_the_helpers_to_its_parent(helpers: Helpers) -> None:
    helpers.evaluate(LOOPS, VALUES, 20, 1)
    (mine,) = helpers._idle[:1]
    pid = os.fork()
    if pid == 0:
        is_left = not helpers._idle and mine._asks.closed
        os._exit(0 if is_left and helpers.evaluate(LOOPS, VALUES, 20, 1) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert helpers.evaluate(LOOPS, VALUES, 20, 1) is True
    assert _is_there(mine._process.pid)


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_helper_outlives_the_orders_to_end_that_go_to_a_whole_service(
    helpers: Helpers, order: signal.Signals
) -> None:
    helpers.evaluate(LOOPS, VALUES, 20, 1)
    pid = helpers._idle[-1]._process.pid
    os.kill(pid, order)
    assert helpers.evaluate(LOOPS, VALUES, 20, 1) is True
    assert _is_there(pid)


def test_a_helper_that_somebody_killed_is_no_fault_of_the_next_expression(helpers: Helpers) -> None:
    helpers.evaluate(LOOPS, VALUES, 20, 1)
    for helper in helpers._idle:
        helper._process.kill()
        os.waitid(os.P_PID, helper._process.pid, os.WEXITED | os.WNOWAIT)
    assert helpers.evaluate(LOOPS, VALUES, 20, 1) is True


@pytest.mark.parametrize(("kills", "fault"), [(1, "takes more than 1 seconds"), (2, "was killed 2 times")])
def test_an_expression_whose_helper_is_killed_at_work_is_tried_once_more(kills: int, fault: str) -> None:
    own = Helpers()
    is_over = threading.Event()

    def kill() -> None:
        known: set[Any] = set()
        while len(known) < kills and not is_over.is_set():
            for helper in set(own._all) - known:
                if helper.is_ready and own._busy:
                    time.sleep(0.3)
                    os.kill(helper._process.pid, signal.SIGKILL)
                    known.add(helper)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ExpressionFailed, match=fault):
        own.evaluate(ENDLESS, VALUES, 1.0, 1)
    is_over.set()
    killer.join()
    own.end()


_PARENT = """
import os, sys, threading, time
from orchestration.evaluation.helper import Helpers
helpers = Helpers()
values = {"input": {"n": list(range(100))}}
helpers.evaluate("input.n.all(a, a >= 0)", values, 20, 1)
print(helpers._idle[0]._process.pid, flush=True)
print(open(f"/proc/{helpers._idle[0]._process.pid}/environ").read().replace(chr(0), " "), flush=True)
source = "input.n.all(a, input.n.all(b, input.n.all(c, input.n.all(d, a + b + c + d >= 0))))"
threading.Thread(target=helpers.evaluate, args=(source, values, 1.0, 1), daemon=True).start()
time.sleep(0.3)
print("busy", flush=True)
time.sleep(60)
"""


def test_a_helper_knows_no_secrets_and_dies_with_its_parent_even_at_work() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SECRET_KEY": "sesame"},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert "sesame" not in parent.stdout.readline()
    assert parent.stdout.readline() == "busy\n"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while _is_there(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_there(pid)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["when", "for_each", "input"])
def test_a_step_whose_expression_runs_on_is_held_with_its_cause(settings: Any, field: str) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "EXPRESSION_SECONDS": 0.2}
    source = {"when": ENDLESS, "for_each": f"[{ENDLESS}]", "input": {"x": ENDLESS}}[field]
    step = StepSpec("a", agent="loops.nobody", **{field: source})  # type: ignore[arg-type]
    spec = WorkflowSpec(name="loops", steps=(step,))
    done = run_workflow(spec, {"n": list(range(100))}, agents={"loops.nobody": lambda _task: 1})
    assert done.held == ["a"]
    assert "takes more than 0.2 seconds of work" in done.steps["a"].reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "value"),
    [("input.v * 1000000", 10_000_000_000), ("timestamp(input.v)", "2026-01-01T00:00:00Z"), ("{1: 2}", 1)],
)
def test_a_person_s_input_that_is_no_json_holds_the_step_with_its_cause(source: str, value: Any) -> None:
    spec = WorkflowSpec(name="asks", steps=(StepSpec("a", agent="human", input={"v": source}),))
    done = run_workflow(spec, {"v": value})
    assert done.held == ["a"]
    assert "gives no plain JSON" in done.steps["a"].reason
