"""`python -m benchmarks.growth [G0 G1 G2] [--json]`: what a step of a very large run costs, beside one of a small run.

G1 is one `for_each` of 10,000 items, G2 a random graph of 2,000 steps, G0 the same two shapes with 100 steps, many
times over. Servers and workers as in the other benchmarks; there is no baseline but G0.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.machinery import PROJECT, PYTHON, Bench, measure, open_bench

Result = dict[str, Any]
_WORKERS = 2
_THREADS = 8
# Shape, steps of one run, how many runs.
CASES: dict[str, list[tuple[str, int, int]]] = {
    "G0": [("items", 100, 40), ("graph", 100, 20)],
    "G1": [("items", 10_000, 1)],
    "G2": [("graph", 2_000, 1)],
}


def _call(bench: Bench, *arguments: str) -> Result:
    command = (PYTHON, "-m", "benchmarks.growing", *arguments)
    done = subprocess.run(command, cwd=PROJECT, env=bench.env, stdout=subprocess.PIPE, check=True)
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def run_case(bench: Bench, shape: str, steps: int, runs: int) -> Result:
    """Start runs of one shape and size and measure them from the first claim to the last end."""
    workers = [bench.worker("config", "steps", _THREADS, f"w{n}") for n in range(_WORKERS)]
    maintainer = bench.start(PYTHON, "manage.py", "maintain")
    _call(bench, "warm", str(_WORKERS))
    before, servers_before = measure(bench, workers), measure(bench, [])
    started = _call(bench, "start", shape, str(steps), str(runs))
    done = _call(bench, "await_all", shape, str(steps))
    after, servers_after = measure(bench, workers), measure(bench, [])
    for process in (*workers, maintainer):
        bench.stop(process)
    total = done["steps"]
    return {
        "runs": runs,
        "steps": total,
        "seconds": done["seconds"],
        "start_seconds": started["seconds"],
        "wall_ms_per_step": done["seconds"] / total * 1000,
        "cpu_ms_per_step": (after.cpu_seconds - before.cpu_seconds) / total * 1000,
        "server_cpu_ms_per_step": (servers_after.cpu_seconds - servers_before.cpu_seconds) / total * 1000,
        "peak_mb_per_worker": after.peak_mb / _WORKERS,
        "tail_seconds": done["tail_seconds"],
        "statuses": done["statuses"],
        **_call(bench, "prove", shape, str(steps)),
    }


def _run(name: str) -> Result:
    results = {}
    for shape, steps, runs in CASES[name]:
        with open_bench() as bench:
            _call(bench, "prepare", shape, str(steps))
            results[shape] = run_case(bench, shape, steps, runs)
        sys.stderr.write(f"{name} {shape}: {json.dumps(results[shape])}\n")
    return results


def main() -> None:
    """Run the cases; print the figures and, when G0 was among them, what a step costs beside one of a small run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("cases", nargs="*", default=[], help=", ".join(CASES))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results = {name: _run(name) for name in options.cases or CASES}
    for name, shape in (("G1", "items"), ("G2", "graph")):
        if "G0" in results and name in results:
            small, large = results["G0"][shape], results[name][shape]
            results[name]["ratios"] = {
                figure: large[figure] / small[figure] for figure in ("cpu_ms_per_step", "wall_ms_per_step")
            }
    print(json.dumps(results, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
