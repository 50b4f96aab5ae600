"""The judge's evidence: one file that agents, workers and clients append to, a line and an fsync at a time.

The order of the lines is the order of what happened, across processes.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "CRASHAPP_DIR"
NAME = "journal.jsonl"


def folder() -> Path:
    return Path(os.environ[FOLDER_VARIABLE])


def note(what: str, **facts: Any) -> None:
    """Append one line and return when it is on the disk.

    A process that is killed meanwhile may have written a part of it: each line begins anew, whatever stands before it.
    """
    line = "\n" + json.dumps({"what": what, "pid": os.getpid(), "at": time.monotonic(), **facts}) + "\n"
    descriptor = os.open(folder() / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def do_once(name: str) -> bool:
    """Return True to the first caller of this name, on whatever process: what a target that knows keys does."""
    try:
        os.close(os.open(folder() / "done" / name.replace(":", "_"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
