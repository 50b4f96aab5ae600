"""The result of a run that succeeds: worked out of its steps' outputs by its workflow's expression, or given.

Written with the run's end. An expression that fails costs the run nothing: what went wrong is kept instead.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.domain.canonical import canonical_json
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.expressions import referenced_steps
from orchestration.domain.receipts import digest_text
from orchestration.domain.states import ResultKind
from orchestration.domain.work import EarlyEnd
from orchestration.evaluation import evaluate
from orchestration.outages import is_away


@dataclass(frozen=True, slots=True)
class Result:
    """A result, or why there is none. `output_json`: canonical."""

    kind: ResultKind
    output_json: str | None
    error: str
    by: str

    @property
    def line(self) -> dict[str, str | None]:
        """Return it as the seal has it."""
        return {"kind": self.kind, "digest": self.digest, "error": self.error, "by": self.by}

    @property
    def digest(self) -> str | None:
        """Return the SHA-256 of the output."""
        return None if self.output_json is None else digest_text(self.output_json)


def find_result(run_id: UUID, expression: str, early: EarlyEnd | None) -> Result | None:
    """Return the result of a run in which nothing is open; None when it is what its last steps put out.

    Args: expression: of its workflow, "" if it has none.  early: how it ends, if that is early.
    """
    kind, by = (early.kind, early.by) if early else (ResultKind.COMPUTED, "")
    if early is not None and early.output_json is not None:
        return Result(kind, early.output_json, "", by)
    if not expression:
        return None
    values = _read_values(run_id, expression)
    try:
        output = canonical_json(evaluate(expression, values), max_bytes=get_conf().MAX_COLLECTED_BYTES)
    except Exception as error:
        if is_away(error):
            raise
        return Result(kind, None, f"output: {error}"[:2000], by)
    return Result(kind, output, "", by)


_VALUES = """
SELECT s.key, s.output_json FROM orchestration_step s
WHERE s.run_id = %(run)s AND s.kind = 'planned' AND s.key = ANY(%(keys)s)
"""
_INPUT = "SELECT input_json FROM orchestration_run WHERE id = %(run)s"


def _read_values(run_id: UUID, expression: str) -> dict[str, Any]:
    """Return what the expression may read: of a step that put nothing out, null."""
    keys = sorted(referenced_steps(expression))
    rows = fetch_all(_VALUES, {"run": run_id, "keys": keys}) if keys else []
    steps = {row.key: json.loads(row.output_json or "null") for row in rows}
    return {"input": json.loads(fetch_one(_INPUT, {"run": run_id}).input_json), "steps": steps}


_WRITE = """
INSERT INTO orchestration_runresult (run_id, kind, output_json, digest, error, by, at)
VALUES (%(run)s, %(kind)s, %(output)s, %(digest)s, %(error)s, %(by)s, %(at)s) RETURNING run_id
"""


def write_result(run_id: UUID, result: Result, at: datetime) -> None:
    """Keep the result of a run that was just closed."""
    fetch_one(
        _WRITE,
        {
            "run": run_id,
            "kind": result.kind,
            "output": result.output_json,
            "digest": result.digest,
            "error": result.error,
            "by": result.by,
            "at": at,
        },
    )
