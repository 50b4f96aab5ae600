"""`python -m benchmarks.actors [A1 A2 A3 A4] [--rounds N] [--scale F] [--json]`: what actors cost.

A1: a turn with one message beside a plain run of one step. A2: the maintainer and a message to one actor, with 100
actors and with 100,000 that have nothing to do. A3 and A4: one message to 10,000 and to 20,000 members of a topic.
With a scale of 0.1 all these numbers are a tenth.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.machinery import PROJECT, PYTHON, Bench, measure, open_bench

Result = dict[str, Any]
_WORKERS, _THREADS = 2, 64
_LOOKS = 40


def _call(bench: Bench, *arguments: str) -> Result:
    command = (PYTHON, "-m", "benchmarks.talking", *arguments)
    done = subprocess.run(command, cwd=PROJECT, env=bench.env, stdout=subprocess.PIPE, check=True)
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _begin(bench: Bench) -> list[subprocess.Popen[bytes]]:
    workers = [bench.worker("config", "steps", _THREADS, f"w{number}") for number in range(_WORKERS)]
    bench.start(PYTHON, "manage.py", "maintain")
    _call(bench, "warm", str(_WORKERS))
    return workers


def run_a1(bench: Bench, scale: float) -> Result:
    """2,000 messages to 100 actors, a turn each, beside 2,000 runs of one step. Aim: at most 2 x, wall and CPU."""
    workers, turns = _begin(bench), _size(2_000, scale)
    sides = {"plain": ("plain", str(turns)), "turns": ("talk", str(turns), str(_size(100, scale)))}
    result: Result = {}
    for side, arguments in sides.items():
        before, servers_before = measure(bench, workers), measure(bench, [])
        done = _call(bench, *arguments)
        after, servers_after = measure(bench, workers), measure(bench, [])
        # The workers' and the servers' CPU, and the client's while it sent.
        used = after.cpu_seconds - before.cpu_seconds + done["client_cpu_seconds"]
        result[side] = {
            "per_second": turns / done["seconds"],
            "wall_ms": done["seconds"] / turns * 1000,
            "submit_ms": done["submit_seconds"] / turns * 1000,
            "cpu_ms": used / turns * 1000,
            "server_cpu_ms": (servers_after.cpu_seconds - servers_before.cpu_seconds) / turns * 1000,
        }
    ratios = {
        f"ratio_{figure}": result["turns"][f"{figure}_ms"] / result["plain"][f"{figure}_ms"]
        for figure in ("wall", "cpu")
    }
    return result | ratios


def run_a2(bench: Bench, scale: float) -> Result:
    """100 actors with nothing to do, then 100,000. Aim: neither sweep nor message is slower."""
    _begin(bench)
    last_of_few = _size(100, scale)
    _call(bench, "make_idle", "1", str(last_of_few))
    few = _call(bench, "look", str(_LOOKS))
    _call(bench, "make_idle", str(last_of_few + 1), str(_size(100_000, scale)))
    many = _call(bench, "look", str(_LOOKS))
    return {"few": few, "many": many} | {f"ratio_{name}": many[name] / few[name] for name in few}


def _run_fan(bench: Bench, members: int) -> Result:
    workers = _begin(bench)
    _call(bench, "subscribe", str(members))
    before = measure(bench, workers)
    done = _call(bench, "publish")
    after = measure(bench, workers)
    return {
        **done,
        "members": members,
        "cpu_ms_per_turn": (after.cpu_seconds - before.cpu_seconds) / members * 1000,
    }


def run_a3(bench: Bench, scale: float) -> Result:
    """One message to 10,000 members of a topic, which its publisher routes."""
    return _run_fan(bench, _size(10_000, scale))


def run_a4(bench: Bench, scale: float) -> Result:
    """One message to 20,000 members, which the maintainer routes."""
    return _run_fan(bench, _size(20_000, scale))


def _size(whole: int, scale: float) -> int:
    return max(1, round(whole * scale))


_WORKLOADS: dict[str, Callable[[Bench, float], Result]] = {
    "A1": run_a1,
    "A2": run_a2,
    "A3": run_a3,
    "A4": run_a4,
}


def main() -> None:
    """Run the workloads and print what came of them; ratios are the medians over the rounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=[], help=", ".join(_WORKLOADS))
    parser.add_argument("--rounds", type=int, default=1, help="repeat each so often on fresh servers")
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes, e.g. 0.1")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    unknown = sorted(set(options.workloads) - set(_WORKLOADS))
    if unknown:
        parser.error(f"unknown workload {unknown[0]}; known are {', '.join(_WORKLOADS)}")
    if options.rounds < 1 or not 0 < options.scale <= 1:
        parser.error("--rounds must be 1 or more, and --scale more than 0 and at most 1")
    results = {name: _repeat(name, options.rounds, options.scale) for name in options.workloads or _WORKLOADS}
    print(json.dumps(results, indent=None if options.json else 2))


def _repeat(name: str, rounds: int, scale: float) -> Result:
    results = []
    for _ in range(rounds):
        with open_bench() as bench:
            _call(bench, "prepare")
            results.append(_WORKLOADS[name](bench, scale))
        sys.stderr.write(f"{name}: {json.dumps(results[-1])}\n")
    ratios = {figure for result in results for figure in result if figure.startswith("ratio")}
    return {
        "rounds": results,
        **{
            f"median_{figure}": statistics.median(result[figure] for result in results)
            for figure in sorted(ratios)
        },
    }


if __name__ == "__main__":
    main()
