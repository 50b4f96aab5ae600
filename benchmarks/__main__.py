"""`python -m benchmarks [W1 W1-idle W2 W3 W4] [--json] [--rounds N]`: ours against raw Celery, in one run."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.load.workflows import CHAIN_LENGTH, FAN_WIDTH, WIDE
from benchmarks.machinery import PROJECT, PYTHON, Bench, measure, open_bench, percentile, wait_until

Result = dict[str, Any]
_CRASH_RUNS = 20


@dataclass(frozen=True)
class Pool:
    """What performs the steps: a number of worker processes, each with a Celery pool of a kind and a size."""

    kind: str
    concurrency: int
    processes: int = 1

    def __str__(self) -> str:
        """Return e.g. `2 x threads -c 8`."""
        return f"{self.processes} x {self.kind} -c {self.concurrency}"


def _call(bench: Bench, side: str, *arguments: str) -> Result:
    command = (PYTHON, "-m", f"benchmarks.{side}", *arguments)
    done = subprocess.run(
        command, cwd=PROJECT, env={**bench.env, **bench.broker_of(side)}, stdout=subprocess.PIPE, check=True
    )
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _drain(bench: Bench, side: str, workflow: str, runs: int, steps: int, pool: Pool) -> Result:
    """Submit everything, then start the workers and let them work off what waits."""
    submitted = _call(bench, side, "submit", workflow, str(runs))
    app, queue = ("config", "steps") if side == "ours" else ("benchmarks.raw", "raw")
    before = measure(bench, [])
    workers = [
        bench.worker(app, queue, pool.concurrency, f"{side}{number}", pool.kind)
        for number in range(pool.processes)
    ]
    done = _call(bench, side, "wait_all", workflow if side == "ours" else str(runs))
    after = measure(bench, workers)
    for worker in workers:
        bench.stop(worker)
    return {
        "pool": str(pool),
        "steps_per_second": steps / done["seconds"],
        "seconds": done["seconds"],
        "p50": percentile(done["latencies"], 0.5),
        "p99": percentile(done["latencies"], 0.99),
        "cpu_ms_per_step": (after.cpu_seconds - before.cpu_seconds) / steps * 1000,
        "peak_mb": after.peak_mb,
        "submit_ms_per_run": submitted["seconds"] / runs * 1000,
    }


def _compare(bench: Bench, workflow: str, runs: int, steps: int, ours: Pool, raw: Pool) -> Result:
    """Measure both sides, and the baseline on our own pool as well when that is another one."""
    result = {"raw": _drain(bench, "theirs", workflow, runs, steps, raw)}
    if ours != raw:
        result["raw_on_our_pool"] = _drain(bench, "theirs", workflow, runs, steps, ours)
    result["ours"] = _drain(bench, "ours", workflow, runs, steps, ours)
    ratios = {
        f"ratio{name.removeprefix('raw')}": result["ours"]["steps_per_second"] / other["steps_per_second"]
        for name, other in result.items()
        if name != "ours"
    }
    return result | ratios


# Celery's default for the baseline: one prefork child per core. Ours: thread workers, one per core, with as many
# threads as the Procfile gives them.
_CORES = os.cpu_count() or 2
_PREFORK = Pool("prefork", _CORES)
_THREADS = Pool("threads", 64, processes=_CORES)


def run_w1(bench: Bench) -> Result:
    """200 runs x chain of 10 no-op steps, all submitted up front. Aim: at least 2 x the raw chain's steps/s."""
    return _compare(bench, "bench-chain", 200, 200 * CHAIN_LENGTH, _THREADS, _PREFORK)


def run_w1_idle(bench: Bench) -> Result:
    """One run at a time. Aim: at most 2 x the raw chain's latency."""
    result: Result = {}
    for side, app, queue in (("raw", "benchmarks.raw", "raw"), ("ours", "config", "steps")):
        worker = bench.worker(app, queue, 16, side)
        latencies = _call(bench, "theirs" if side == "raw" else "ours", "idle", "bench-chain", "40")[
            "latencies"
        ][5:]
        bench.stop(worker)
        result[side] = {"p50": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99)}
    return result | {"ratio": result["ours"]["p50"] / result["raw"]["p50"]}


def run_w2(bench: Bench) -> Result:
    """50 x (plan -> 32 parallel -> join). Aim: at least 0.6 of the raw chord's steps/s."""
    return _compare(bench, "bench-fan", 50, 50 * (FAN_WIDTH + 2), _THREADS, _PREFORK)


def run_w3(bench: Bench) -> Result:
    """1,000 parallel steps that wait 1 s, then a join. Aim: at most 1.3 x the raw chord's wall time, below 200 MB."""
    wide = Pool("threads", WIDE)
    compared = _compare(bench, "bench-wide", 1, WIDE + 2, wide, wide)
    return compared | {"ratio": compared["ours"]["seconds"] / compared["raw"]["seconds"]}


def run_w4(bench: Bench) -> Result:
    """Kill -9 at a third of 20 runs x 10 steps of 0.2 s. Aim: recovered in 3 s with its worker back, else in 20 s."""
    return {
        "restarted": _crash(bench, restart=True),
        "other_worker_only": _crash(bench, restart=False),
    }


# In a lease's time after PostgreSQL's own start nobody is found dead by a free lock: the lease counts then.
_SETTLED = "SELECT count(*) WHERE pg_postmaster_start_time() < clock_timestamp() - interval '15 seconds'"
_PRESENT = "SELECT count(*) FROM orchestration_workerprocess WHERE stopped_at IS NULL"
_DONE = "SELECT count(*) FROM orchestration_step WHERE status = 'succeeded'"


def _crash(bench: Bench, *, restart: bool) -> Result:
    wait_until(lambda: bench.count(_SETTLED) == 1, 30, "a lease's time since the database's start")
    maintainer = bench.start(PYTHON, "manage.py", "maintain")
    victim = bench.worker("config", "steps", 32, "victim")
    wait_until(lambda: bench.count(_PRESENT) == 1, 30, "the worker's start")
    others = (
        []
        if restart
        else [bench.worker("config", "isolated", 4, "isolated"), bench.worker("config", "steps", 32, "other")]
    )
    wait_until(lambda: bench.count(_PRESENT) == 1 + len(others), 30, "the other workers' start")
    third = bench.count(_DONE) + _CRASH_RUNS * CHAIN_LENGTH // 3
    submitting = bench.start(PYTHON, "-m", "benchmarks.ours", "submit", "bench-crash-chain", str(_CRASH_RUNS))
    wait_until(lambda: bench.count(_DONE) >= third, 60, "a third", pause=0.01)
    killed_at = time.time()
    bench.kill(victim)
    # What a supervisor does: start it again at once, under the same name. `isolated` is served as in production.
    again = [bench.worker("config", "steps,isolated", 32, "victim")] if restart else others
    submitting.wait(30)
    done = _call(bench, "ours", "wait_all", "bench-crash-chain")
    recovered = _call(bench, "ours", "recovery", "bench-crash-chain", str(killed_at))
    for process in [*again, maintainer]:
        bench.stop(process)
    return recovered | {"statuses": done["statuses"]}


_WORKLOADS: dict[str, Callable[[Bench], Result]] = {
    "W1": run_w1,
    "W1-idle": run_w1_idle,
    "W2": run_w2,
    "W3": run_w3,
    "W4": run_w4,
}


def main() -> None:
    """Run the workloads and print what came of them; ratios are the medians over the rounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=[], help="; ".join(_WORKLOADS))
    parser.add_argument(
        "--rounds", type=int, default=1, help="repeat each workload so often on fresh servers"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    unknown = sorted(set(options.workloads) - set(_WORKLOADS))
    if unknown:
        parser.error(f"unknown workload {unknown[0]}; known are {', '.join(_WORKLOADS)}")
    results = {name: _repeat(name, options.rounds) for name in options.workloads or _WORKLOADS}
    if options.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(f"{name}: {_WORKLOADS[name].__doc__}\n{json.dumps(result, indent=2)}")


def _repeat(name: str, rounds: int) -> Result:
    results = []
    for _ in range(rounds):
        with open_bench() as bench:
            _call(bench, "ours", "prepare")
            results.append(_WORKLOADS[name](bench))
        sys.stderr.write(f"{name}: {json.dumps(results[-1])}\n")
    ratios = [result["ratio"] for result in results if "ratio" in result]
    return {"rounds": results} | ({"median_ratio": statistics.median(ratios)} if ratios else {})


if __name__ == "__main__":
    main()
