"""The product's side: runs started through its public interface, read back from its own rows.

A process of its own (`python -m benchmarks.ours COMMAND ...`), so that the client's work is measured apart.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - Django first
from django.db.models import Count, Max, Min  # noqa: E402

from orchestration import runs  # noqa: E402
from orchestration.models import Attempt, Run  # noqa: E402


def prepare() -> dict[str, Any]:
    """Make the tables and publish the workflows."""
    call_command("migrate", verbosity=0)
    call_command("publish_workflows", stdout=sys.stderr)
    return {}


def submit(workflow: str, count: str) -> dict[str, Any]:
    """Start runs; return how long that took."""
    started = time.monotonic()
    for _ in range(int(count)):
        runs.start(workflow, {})
    return {"seconds": time.monotonic() - started}


def idle(workflow: str, count: str) -> dict[str, Any]:
    """Start one run at a time; return each one's seconds from the call to its end, by the database's clock."""
    seconds = []
    for _ in range(int(count)):
        run = runs.wait(runs.start(workflow, {}).pk, timeout_seconds=60)
        assert run.finished_at is not None
        seconds.append((run.finished_at - run.created_at).total_seconds())
    return {"latencies": seconds}


def wait_all(workflow: str) -> dict[str, Any]:
    """Wait until no run is open and return what they took."""
    give_up_at = time.monotonic() + 300
    while Run.objects.filter(workflow_name=workflow, status="running").exists():
        if time.monotonic() > give_up_at:
            raise SystemExit(f"runs of {workflow} did not end within 300 s")
        time.sleep(0.05)
    return summary(workflow)


def summary(workflow: str) -> dict[str, Any]:
    """Return steps, wall seconds from the first claim to the last end, and each run's latency from the first claim."""
    span = Attempt.objects.filter(run__workflow_name=workflow).aggregate(
        first=Min("started_at"), steps=Count("step_id", distinct=True)
    )
    finished = Run.objects.filter(workflow_name=workflow).values_list("finished_at", flat=True)
    ends = [end for end in finished if end is not None]
    return {
        "steps": span["steps"],
        "seconds": (max(ends) - span["first"]).total_seconds(),
        "latencies": [(end - span["first"]).total_seconds() for end in ends],
        "statuses": sorted(set(Run.objects.filter(workflow_name=workflow).values_list("status", flat=True))),
    }


def recovery(workflow: str, killed_at: str) -> dict[str, Any]:
    """Return seconds from a kill until every step that ran then had been claimed again.

    `finished_repeated` counts steps with more than one answered attempt: there must be none.
    """
    since = datetime.fromtimestamp(float(killed_at), tz=UTC)
    crashed = Attempt.objects.filter(run__workflow_name=workflow, outcome="crashed", finished_at__gt=since)
    again = [
        Attempt.objects.filter(step_id=attempt.step_id, number=attempt.number + 1).aggregate(
            at=Max("started_at")
        )["at"]
        for attempt in crashed
    ]
    answered = Attempt.objects.filter(run__workflow_name=workflow, outcome="answered")
    return {
        "steps_freed": len(again),
        "recovery_seconds": max((at - since).total_seconds() for at in again),
        "finished_repeated": answered.count() - answered.values("step_id").distinct().count(),
    }


_COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    command.__name__: command for command in (prepare, submit, idle, wait_all, summary, recovery)
}

if __name__ == "__main__":
    print(json.dumps(_COMMANDS[sys.argv[1]](*sys.argv[2:])))
