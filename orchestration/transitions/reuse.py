"""pending -> succeeded or skipped without being done: a fork takes over what another run has finished already."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from orchestration.database.statements import fetch_all
from orchestration.domain.rows import ReusedStep
from orchestration.history import EventKind
from orchestration.transitions.control import tell_run

_REUSE = f"""
WITH plan AS (
    SELECT * FROM unnest(%(keys)s::text[], %(statuses)s::text[], %(outputs)s::text[], %(digests)s::text[],
        %(tokens)s::int[], %(skip_reasons)s::text[], %(accepted)s::text[], %(receipts)s::text[],
        %(receipt_digests)s::text[], %(events)s::text[])
    AS p(key, status, output, digest, tokens, skip_reason, accepted_by, receipt, receipt_digest, event)
), reused AS (
    UPDATE orchestration_step s
    SET status = p.status, finished_at = %(now)s, output_json = p.output, output_digest = p.digest,
        output_tokens = p.tokens, receipt_digest = p.receipt_digest, skip_reason = p.skip_reason,
        accepted_by = p.accepted_by, dispatches = 0, dispatched_at = NULL
    FROM plan p WHERE s.run_id = %(run)s AND s.key = p.key AND s.attempt = 0
    RETURNING s.id, s.run_id, s.attempt, p.receipt, p.receipt_digest, p.event
), proved AS (
    INSERT INTO orchestration_receipt (step_id, run_id, round, revision, kind, digest, body_json)
    SELECT id, run_id, 1, 0, 'reuse', receipt_digest, receipt FROM reused
)
INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at)
SELECT run_id, id, attempt, '{EventKind.STEP_REUSED}', event, %(now)s FROM reused RETURNING id
"""
_START = """
UPDATE orchestration_step s
SET status = 'available', dispatches = s.dispatches + 1, dispatched_at = clock_timestamp()
WHERE s.run_id = %(run)s AND s.status = 'pending' AND NOT EXISTS (
    SELECT 1 FROM orchestration_edge e JOIN orchestration_step p ON p.id = e.predecessor_id
    WHERE e.successor_id = s.id AND p.status NOT IN ('succeeded', 'skipped'))
RETURNING s.id, s.position
"""
_AVAILABLE = """
SELECT id FROM orchestration_step WHERE run_id = %(run)s AND status = 'available' ORDER BY position
"""


def reuse_steps(run_id: UUID, reused: Sequence[ReusedStep], now: Any) -> list[int]:
    """Take over finished steps into a run that was written in this same transaction and that nobody has seen yet.

    Returns: the steps that are available then, in plan order.
    """
    parameters = {
        "run": run_id,
        "now": now,
        "keys": [step.key for step in reused],
        "statuses": [step.status for step in reused],
        "outputs": [step.output_json for step in reused],
        "digests": [step.output_digest for step in reused],
        "tokens": [step.output_tokens for step in reused],
        "skip_reasons": [step.skip_reason for step in reused],
        "accepted": [step.accepted_by for step in reused],
        "receipts": [step.receipt_json for step in reused],
        "receipt_digests": [step.receipt_digest for step in reused],
        "events": [step.event_json for step in reused],
    }
    fetch_all(_REUSE, parameters)
    fetch_all(_START, {"run": run_id})
    return [row.id for row in fetch_all(_AVAILABLE, {"run": run_id})]


def tell_forked(run_id: UUID, event_json: str) -> None:
    """Add the line to a fork's history that says where it comes from."""
    tell_run(run_id, EventKind.RUN_FORKED, event_json)
