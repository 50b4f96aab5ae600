"""What the clients' sides of several benchmarks share: processes of their own that talk to the servers."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - Django first

from orchestration.models import WorkerProcess  # noqa: E402

_START_SECONDS = 60


def make_tables() -> None:
    """Make the tables and publish the workflows."""
    call_command("migrate", verbosity=0)
    call_command("publish_workflows", stdout=sys.stderr)


def await_workers(number: int) -> None:
    """Wait until so many worker processes are there."""
    present = WorkerProcess.objects.filter(stopped_at__isnull=True)
    wait_until(lambda: present.count() >= number, "the workers did not start", _START_SECONDS, 0.1)


def wait_until(
    condition: Callable[[], bool], otherwise: str, most_seconds: float, look_seconds: float
) -> None:
    """Wait until something is so; end the process where it takes too long, and say what `otherwise` says."""
    give_up_at = time.monotonic() + most_seconds
    while not condition():
        if time.monotonic() > give_up_at:
            raise SystemExit(f"{otherwise} within {most_seconds} s")
        time.sleep(look_seconds)


def obey(*commands: Callable[..., dict[str, Any]]) -> None:
    """Do what the command line names, and print what it returns."""
    known = {command.__name__: command for command in commands}
    print(json.dumps(known[sys.argv[1]](*sys.argv[2:])))
