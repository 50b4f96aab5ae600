"""`python -m benchmarks.desk [--tickets N] [--open N] [--reviewers N]`: seeds servers of its own and measures pages."""

import argparse
import subprocess

from benchmarks.machinery import PROJECT, PYTHON, open_bench


def main() -> None:
    """Start servers, let a process of its own seed and measure, and print what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk", description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--open", type=int, default=10_000)
    parser.add_argument("--reviewers", type=int, default=200)
    options = parser.parse_args()
    numbers = (options.tickets, options.open, options.reviewers)
    with open_bench() as bench:
        command = (PYTHON, "-m", "benchmarks.desk.measuring", *map(str, numbers))
        subprocess.run(command, cwd=PROJECT, env=bench.env, check=True)


if __name__ == "__main__":
    main()
