"""`python -m benchmarks.memory [--memories N] [--looks N]`: what looks at memories cost, and steps that write them.

So many memories in one scope. Looks: a key read by its index, a recall by words, by words and meaning with all vectors
compared, and with an index; each is the engine's own look, as of a pin. Then runs of one step, in process: one that
remembers nothing, and one that remembers one thing. Servers of its own, with durable commits.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import django

from benchmarks.machinery import PROJECT, PYTHON, open_bench

_BATCH = 1_000
_WORDS = 8
_ASKED = 6
# As often as words that say something come in text: the n-th most frequent about n times less often than the first.
_VOCABULARY = [f"{first}{middle}{last}" for first in "bdfgklmnprstvz" for middle in ("ao", "ei", "u", "ea", "oo", "i")
               for last in ("rn", "lk", "mp", "nd", "st", "sk", "t", "ng", "ft", "x", "bby", "der", "low")]  # fmt: skip
_WEIGHTS = [1 / (place + 10) for place in range(len(_VOCABULARY))]


def main() -> None:
    """Start servers, let a process of its own measure, and print what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--memories", type=int, default=50_000)
    parser.add_argument("--looks", type=int, default=200)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options.memories, options.looks, options.steps)
        return
    asked = [f"--{name}={getattr(options, name)}" for name in ("memories", "looks", "steps")]
    embedder = {"EMBEDDER": "benchmarks.load.embedder.HashedEmbedder"}
    with open_bench() as bench:
        env = {**bench.env, "RINGMASTER_OVERRIDES": json.dumps(embedder)}
        command = (PYTHON, "-m", "benchmarks.memory", "--inside", *asked)
        subprocess.run(command, cwd=PROJECT, env=env, check=True)


def measure(memories: int, looks: int, steps: int) -> None:
    """Measure and print, in a process that talks to the servers."""
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - Django first

    call_command("migrate", verbosity=0)
    for way, seconds in _time_steps(steps):
        _tell("step", way, seconds)
    dice = random.Random(7)
    _fill(memories, dice)
    questions = [" ".join(dice.choices(_VOCABULARY, _WEIGHTS, k=_ASKED)) for _ in range(looks)]
    _tell_looks("key", memories, questions)
    _tell_looks("words", memories, questions)
    call_command("enable_vectors", stdout=sys.stderr)
    call_command("embed_memories", batch=_BATCH, stdout=sys.stderr)
    _analyze()
    _tell_looks("exact", memories, questions)
    call_command("enable_vectors", hnsw=True, stdout=sys.stderr)
    from django.conf import settings  # noqa: PLC0415

    from orchestration.conf import get_conf  # noqa: PLC0415

    settings.RINGMASTER = {**settings.RINGMASTER, "VECTOR_INDEX": "hnsw"}
    get_conf.cache_clear()
    _tell_looks("hnsw", memories, questions)
    sys.stdout.write(json.dumps({"load": os.getloadavg()[0]}) + "\n")


def _fill(memories: int, dice: random.Random) -> None:
    """Write memories as persons do, many in a statement."""
    from agents.domain.memories import read_note  # noqa: PLC0415 - Django first
    from orchestration.memory.desk import find_project_id  # noqa: PLC0415
    from orchestration.memory.lines import describe_note  # noqa: PLC0415
    from orchestration.memory.writing import write_memories  # noqa: PLC0415

    project = find_project_id("default")

    def write(number: int) -> Any:
        text = " ".join(dice.choices(_VOCABULARY, _WEIGHTS, k=_WORDS))
        note = read_note("project", f"fact/{number:07}", {"text": text, "n": number}, text, None, None)
        return describe_note(note, project_id=project, scope_id="", by_name="bench")

    for first in range(0, memories, _BATCH):
        write_memories([write(number) for number in range(first, min(first + _BATCH, memories))])
    _analyze()


def _analyze() -> None:
    from django.db import connection  # noqa: PLC0415 - Django first

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE orchestration_memory")
        cursor.execute("SELECT to_regclass('orchestration_memoryvector') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("VACUUM ANALYZE orchestration_memoryvector")


def _tell_looks(way: str, memories: int, questions: list[str]) -> None:
    """Time the engine's look for each question, after a few that warm the caches."""
    from agents.domain.notebook import MemoryScope, Question  # noqa: PLC0415 - Django first
    from orchestration.memory.desk import find_project_id  # noqa: PLC0415
    from orchestration.memory.looking import look, take_pin  # noqa: PLC0415

    project, dice = find_project_id("default"), random.Random(11)

    def ask(question: str) -> None:
        key = f"fact/{dice.randrange(memories):07}"
        said = {"key": key} if way == "key" else {"like": question, "limit": 3}
        found = look(project, "", Question(MemoryScope.PROJECT, **said), pin)
        if not found:
            raise SystemExit(f"nothing was found by {way}: {said}")

    pin = take_pin()
    for question in questions[:20]:
        ask(question)
    _tell("look", way, [_time(lambda question=question: ask(question)) for question in questions])  # type: ignore[misc]


def _time_steps(steps: int) -> Iterator[tuple[str, list[float]]]:
    """Time runs of one step, in turn: without a memory, with one of a key of its own, and with one of the same key."""
    from agents import Task  # noqa: PLC0415 - Django first
    from orchestration import StepSpec, WorkflowSpec  # noqa: PLC0415
    from orchestration.testing import run_workflow  # noqa: PLC0415

    def work(task: Task) -> int:
        if task.run_input["way"] != "plain":
            own = task.run_id if task.run_input["way"] == "remember" else "one"
            task.remember("project", f"step/{own}", {"tone": "short"})
        return 1

    spec = WorkflowSpec(name="bench-remember", steps=(StepSpec("work", agent="bench.noop"),))
    taken: dict[str, list[float]] = {"plain": [], "remember": [], "remember_same_key": []}

    def run(way: str) -> None:
        done = run_workflow(spec, {"way": way}, agents={"bench.noop": work})
        if done.status != "succeeded":
            raise SystemExit(f"the run is {done.status}: {done.run.reason}")

    for number in range(steps + 10):
        for way, seconds in taken.items():
            spent = _time(lambda way=way: run(way))  # type: ignore[misc]
            if number >= 10:
                seconds.append(spent)
    yield from taken.items()


def _time(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


_first: dict[str, float] = {}


def _tell(what: str, way: str, seconds: list[float]) -> None:
    """Print median and p95 in milliseconds, and how many times the median of the first way of that kind it is."""
    p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[18]
    first = _first.setdefault(what, p50)
    said = {"what": what, "way": way, "n": len(seconds), "p50_ms": round(p50 * 1_000, 2)}
    said |= {
        "p95_ms": round(p95 * 1_000, 2),
        "ratio_p50": round(p50 / first, 2),
        "ratio_p95": round(p95 / first, 2),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
