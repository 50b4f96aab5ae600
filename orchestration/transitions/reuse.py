"""pending -> succeeded or skipped without being done: a fork takes over what another run has finished already."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.rows import ReusedStep
from orchestration.domain.states import ReceiptKind
from orchestration.history import EventKind, insert_event
from orchestration.transitions.ending import RECEIPT
from orchestration.transitions.release import start_ready
from orchestration.transitions.stop import tell_run

_REUSED = {
    "key": "text",
    "status": "text",
    "output_json": "text",
    "output_digest": "text",
    "output_tokens": "integer",
    "skip_reason": "text",
    "accepted_by": "text",
    "receipt_json": "text",
    "receipt_digest": "text",
    "event_json": "text",
}
_REUSE = f"""
WITH done AS (
    UPDATE orchestration_step s
    SET status = p.status, finished_at = %(now)s, output_json = p.output_json, output_digest = p.output_digest,
        output_tokens = p.output_tokens, receipt_digest = p.receipt_digest, skip_reason = p.skip_reason,
        accepted_by = p.accepted_by, dispatches = 0, dispatched_at = NULL
    FROM {read_lines("reused", _REUSED, "p")} WHERE s.run_id = %(run)s AND s.key = p.key AND s.attempt = 0
    RETURNING s.id, s.run_id, s.attempt, 1 AS round, 0 AS revision, '{ReceiptKind.REUSE}' AS receipt_kind,
        p.receipt_json AS receipt, p.receipt_digest, p.event_json
), proved AS ({RECEIPT.sql}
)
{insert_event(EventKind.STEP_REUSED, source="done", data="event_json", at="%(now)s")} RETURNING id
"""
_AVAILABLE = """
SELECT id FROM orchestration_step WHERE run_id = %(run)s AND status = 'available' ORDER BY position
"""


def reuse_steps(run_id: UUID, reused: Sequence[ReusedStep], now: Any) -> list[int]:
    """Take over finished steps into a run that was written in this same transaction and that nobody has seen yet.

    Returns: the steps that are available then, in plan order.
    """
    taken_over = dump_line([asdict(step) for step in reused])
    fetch_all(_REUSE, {"run": run_id, "now": now, "reused": taken_over})
    start_ready(run_id=run_id)
    return [row.id for row in fetch_all(_AVAILABLE, {"run": run_id})]


def tell_forked(run_id: UUID, event_json: str) -> None:
    """Add the line to a fork's history that says where it comes from."""
    tell_run(run_id, EventKind.RUN_FORKED, event_json)
