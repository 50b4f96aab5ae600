"""The client's side of `benchmarks.growth`: publishes, starts, waits and verifies, in a process of its own."""

import random
import resource
import time
from typing import Any

from django.db.models import Max, Min

from benchmarks.client import await_workers, make_tables, obey, wait_until  # sets Django up
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.models import Attempt, Run, Step

_MOST_SECONDS = 1_200
_SEED = 7


def _name(shape: str, steps: str) -> str:
    return f"bench-{shape}-{steps}"


def _build(shape: str, steps: str) -> WorkflowSpec:
    if shape == "items":
        each = StepSpec("each", agent="bench.nothing", for_each="input.items", input={"n": "item"})
        behind = StepSpec("behind", agent="bench.nothing", after=["each"])
        return WorkflowSpec(name=_name(shape, steps), steps=(each, behind))
    chance = random.Random(_SEED)
    made: list[StepSpec] = []
    for number in range(int(steps)):
        # One to three of the fifty before it: joins, forks and chains, as deep as it is wide.
        near = range(max(0, number - 50), number)
        needs = [f"s{n}" for n in sorted(chance.sample(near, min(len(near), chance.randint(1, 3))))]
        made.append(StepSpec(f"s{number}", agent="bench.nothing", needs=needs))
    return WorkflowSpec(name=_name(shape, steps), steps=tuple(made))


def prepare(shape: str, steps: str) -> dict[str, Any]:
    """Make the tables and publish the workflows."""
    make_tables()
    runs.publish(_build(shape, steps))
    return {}


def warm(workers: str) -> dict[str, Any]:
    """Wait until the workers are there and have done something."""
    await_workers(int(workers))
    for run in [runs.start("bench-fan", {}) for _ in range(2 * int(workers))]:
        runs.wait(run.pk, timeout_seconds=60)
    return {}


def start(shape: str, steps: str, count: str) -> dict[str, Any]:
    """Start runs; return how long that took."""
    given = {"items": list(range(int(steps)))} if shape == "items" else {}
    started = time.monotonic()
    for _ in range(int(count)):
        runs.start(_name(shape, steps), given)
    return {"seconds": time.monotonic() - started}


def await_all(shape: str, steps: str) -> dict[str, Any]:
    """Wait until no run is open; return steps and seconds from the first claim to the last end."""
    mine = Run.objects.filter(workflow_name=_name(shape, steps))
    wait_until(lambda: not mine.filter(status="running").exists(), "the runs did not end", _MOST_SECONDS, 0.2)
    done = Step.objects.filter(run__in=mine)
    first = Attempt.objects.filter(run__in=mine).aggregate(at=Min("started_at"))["at"]
    ends = [end for end in mine.values_list("finished_at", flat=True) if end is not None]
    items_end = done.filter(kind="item").aggregate(at=Max("finished_at"))["at"]
    return {
        "steps": done.count(),
        "seconds": (max(ends) - first).total_seconds(),
        # From the last item's end: to collect them, to do the step behind, to seal the run.
        "tail_seconds": None if items_end is None else (max(ends) - items_end).total_seconds(),
        "statuses": sorted(set(mine.values_list("status", flat=True))),
    }


def prove(shape: str, steps: str) -> dict[str, Any]:
    """Verify one run; return how long that took, and this process's largest memory."""
    run = Run.objects.filter(workflow_name=_name(shape, steps)).earliest("created_at")
    started, cpu = time.monotonic(), time.process_time()
    verdict = runs.verify(run.pk)
    return {
        "verify_seconds": time.monotonic() - started,
        "verify_cpu_seconds": time.process_time() - cpu,
        "verify_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "fault": verdict.fault,
    }


if __name__ == "__main__":
    obey(prepare, warm, start, await_all, prove)
