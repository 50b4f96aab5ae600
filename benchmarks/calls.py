"""`python -m benchmarks.calls [--calls N] [--rounds N]`: what a journaled call costs over a plain one, in one run.

A step calls a function that does nothing, so many times, plainly and through `task.once`, in turn; and once more as a
later attempt finds the calls that were done. Servers of its own, with durable commits.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import django
import psutil

from benchmarks.machinery import PROJECT, PYTHON, open_bench

_WAYS = ("plain", "once", "answered")


def main() -> None:
    """Start servers, let a process of its own measure, and print what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options.calls, options.rounds, [int(pid) for pid in options.inside.split(",")])
        return
    with open_bench() as bench:
        command = (PYTHON, "-m", "benchmarks.calls", "--calls", str(options.calls))
        inside = ("--rounds", str(options.rounds), "--inside", ",".join(map(str, bench.server_pids)))
        subprocess.run((*command, *inside), cwd=PROJECT, env=bench.env, check=True)


def measure(calls: int, rounds: int, server_pids: list[int]) -> None:
    """Measure and print, in a process that talks to the servers."""
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - Django first

    call_command("migrate", verbosity=0)
    taken: dict[str, list[tuple[float, float, float]]] = {way: [] for way in _WAYS}
    for _ in range(rounds):
        for way, figures in _run(calls, server_pids):
            taken[way].append(figures)
    for way, rows in taken.items():
        medians = [statistics.median(column) * 1_000 / calls for column in zip(*rows, strict=True)]
        told = dict(zip(("ms", "cpu_ms_of_worker", "cpu_ms_of_servers"), medians, strict=True))
        said = {"calls": calls, "way": way, **{name: round(value, 4) for name, value in told.items()}}
        sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.write(json.dumps({"load": os.getloadavg()[0]}) + "\n")


def _run(calls: int, server_pids: list[int]) -> Iterable[tuple[str, tuple[float, float, float]]]:
    from agents import Task, TransientError  # noqa: PLC0415 - Django first
    from orchestration import Retry, StepSpec, WorkflowSpec  # noqa: PLC0415
    from orchestration.testing import run_workflow  # noqa: PLC0415

    seen: list[tuple[str, tuple[float, float, float]]] = []

    def note(way: str, act: Callable[[], Any]) -> None:
        before, began, busy = read_servers(server_pids), time.perf_counter(), time.thread_time()
        act()
        spent, worked = time.perf_counter() - began, time.thread_time() - busy
        seen.append((way, (spent, worked, read_servers(server_pids) - before)))

    def work(task: Task) -> int:
        if task.attempt == 1:
            note("plain", lambda: [_answer(number) for number in range(calls)])
        way = "once" if task.attempt == 1 else "answered"
        note(way, lambda: [task.once("call", _answer, number) for number in range(calls)])
        if task.attempt == 1:
            raise TransientError("so that the calls are answered from the journal")
        return calls

    spec = WorkflowSpec(
        name="bench-calls",
        steps=(StepSpec("work", agent="bench.noop", retry=Retry(backoff_base_seconds=0, jitter_seconds=0)),),
    )
    done = run_workflow(spec, agents={"bench.noop": work})
    if done.status != "succeeded":
        raise SystemExit(f"the run is {done.status}: {done.run.reason}")
    return seen


def _answer(number: int) -> int:
    return number


def read_servers(pids: list[int]) -> float:
    """Return the CPU seconds that servers and their children have used."""
    used = 0.0
    for root in (psutil.Process(pid) for pid in pids):
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            used += times.user + times.system
    return used


if __name__ == "__main__":
    main()
