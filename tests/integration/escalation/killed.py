"""Looks at clocks in a process that is killed before its nth write: `kill -9`, nothing is cleaned up.

Run as a module: it reads a number a line, forks, lets the child look and kills it before that write, and prints
whether it was killed. Commits count as writes.
"""

import os
import signal
import sys
from typing import Any
from unittest.mock import patch

import django
from django.db.backends.base.base import BaseDatabaseWrapper

from config import env

_WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


def look(number: int) -> None:
    """Look at the clocks that are due, and die before the nth write."""
    from django.db import connection

    from escalation.watch import look_at_tickets

    left = number

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        if str(sql).lstrip().startswith(_WRITES):
            count_down()
        return execute(sql, params, many, context)

    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

    def commit_counted(self: Any) -> Any:
        count_down()
        return commit(self)

    with connection.execute_wrapper(watch), patch.object(BaseDatabaseWrapper, "_commit", commit_counted):
        look_at_tickets()


def main() -> None:
    env.choose_settings("config.settings.test")
    django.setup()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            look(int(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else f"ended {os.WEXITSTATUS(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
