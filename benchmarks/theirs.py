"""The baseline's side: submits raw Celery canvases and reads their marks (`python -m benchmarks.theirs ...`)."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import raw
from benchmarks.load.workflows import CHAIN_LENGTH, FAN_WIDTH, WIDE

_SUBMIT: dict[str, Callable[[str], None]] = {
    "bench-chain": lambda run: raw.submit_chain(run, CHAIN_LENGTH),
    "bench-fan": lambda run: raw.submit_fan(run, FAN_WIDTH),
    "bench-wide": lambda run: raw.submit_fan(run, WIDE, 1.0),
}


def submit(workflow: str, count: str) -> dict[str, Any]:
    """Submit canvases; return how long that took."""
    raw.marks.delete("first", "last")
    started = time.monotonic()
    for number in range(int(count)):
        _SUBMIT[workflow](f"r{number}")
    return {"seconds": time.monotonic() - started}


def wait_all(count: str) -> dict[str, Any]:
    """Wait for the last steps and return wall seconds and latencies from the first step's start."""
    give_up_at = time.monotonic() + 300
    while raw.marks.hlen("last") < int(count):
        if time.monotonic() > give_up_at:
            raise SystemExit("the raw canvases did not end within 300 s")
        time.sleep(0.05)
    began = min(float(at) for at in raw.marks.hvals("first"))
    ends = [float(at) for at in raw.marks.hvals("last")]
    return {"seconds": max(ends) - began, "latencies": [end - began for end in ends]}


def idle(workflow: str, count: str) -> dict[str, Any]:
    """Submit one canvas at a time; return each one's seconds from the call to its last step."""
    raw.marks.delete("first", "last")
    latencies = []
    for number in range(int(count)):
        began = time.time()
        _SUBMIT[workflow](f"i{number}")
        while not (end := raw.marks.hget("last", f"i{number}")):
            time.sleep(0.002)
        latencies.append(float(end) - began)
    return {"latencies": latencies}


_COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {c.__name__: c for c in (submit, wait_all, idle)}

if __name__ == "__main__":
    print(json.dumps(_COMMANDS[sys.argv[1]](*sys.argv[2:])))
