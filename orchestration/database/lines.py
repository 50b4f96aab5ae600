"""Statements that do the same for any number of steps: each step's values are a line of one JSON text.

Such a statement begins with `WITH given AS MATERIALIZED ({select_lines(COLUMNS)})`, guards each step by its own token,
and tells what it did by token. What one line may not do is not done for it alone; an error undoes all of them.
docs/adr/0016-finishing-together.md
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import psycopg
from django.db import OperationalError

# Threads that share statements wait for each other's locks: no longer than this, then each goes on its own.
_PATIENCE: Final = "250ms"


def select_lines(columns: Mapping[str, str]) -> str:
    """Return the SELECT that turns the statement's parameters, as of `pass_lines`, into rows.

    Args: columns: SQL types by name; `step` must be one of them.
    """
    names = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    # `% 1 = 0` is always true; for the planner it is rare, so that it expects one line and looks up each row by its
    # key however small the tables were when it planned.
    return f"""
    SELECT * FROM json_to_recordset(%(lines)s::json) AS g({names})
    WHERE g.step % 1 = 0 AND (SELECT %(waits)s OR set_config('lock_timeout', '{_PATIENCE}', true) <> '')
"""


def read_lines(parameter: str, columns: Mapping[str, str], alias: str) -> str:
    """Return the FROM item that turns a parameter, made by `dump_line` of a list, into rows."""
    names = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"json_to_recordset(%({parameter})s::json) AS {alias}({names})"


def of_line(column: str, columns: Mapping[str, str], alias: str) -> str:
    """Return the FROM item that turns a JSON column of a line `d` into rows."""
    names = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    return f"json_to_recordset(d.{column}) AS {alias}({names})"


def dump_line(values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """Return one step's values, or several rows', as JSON; what is left out is NULL."""
    return orjson.dumps(values).decode()


def pass_lines(lines: list[str], *, waits: bool) -> dict[str, Any]:
    """Return the parameters that `select_lines` reads.

    Args: waits: for locks as long as it takes; else the statement fails soon (`is_locked`).
    """
    return {"lines": f"[{','.join(lines)}]", "waits": waits}


def is_locked(error: OperationalError) -> bool:
    """Return whether a statement failed because it was not to wait for a lock any longer."""
    return isinstance(error.__cause__, psycopg.errors.LockNotAvailable)
