"""After the commit of a finish: make joins available, or close the run, and clear the `unreleased` marks.

A finished step keeps its mark until nothing behind it waits any more. Every finisher looks, which writes nothing;
the one that finds a join ready (the last of two simultaneous finishers always sees the other's commit) releases it
and clears the marks before it, in one transaction. A crash in between leaves marks that the maintainer sweeps.
These transactions commit asynchronously: losing one with the database's last moments leaves the marks too.
"""

from typing import Any
from uuid import UUID

from django.db import transaction

from orchestration.domain.receipts import SealFacts, build_seal, digest_events, digest_text, stamp
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus
from orchestration.domain.work import Claim, Released
from orchestration.history import AFTER_THE_FACT, EventKind
from orchestration.transitions.statements import fetch_all, fetch_one

# From the end: steps finish roughly in plan order, so the first look mostly finds an open one.
NOTHING_OPEN_BEFORE = """
    (SELECT p.id FROM orchestration_edge f JOIN orchestration_step p ON p.id = f.predecessor_id
     WHERE f.successor_id = j.id AND p.status NOT IN ('succeeded', 'skipped')
     ORDER BY f.predecessor_id DESC LIMIT 1) IS NULL
"""
_LOOK = f"""
SELECT array(
        SELECT j.id FROM orchestration_edge e JOIN orchestration_step j ON j.id = e.successor_id
        WHERE e.predecessor_id = s.id AND j.status = 'pending' AND {NOTHING_OPEN_BEFORE}) AS ready,
    NOT EXISTS (SELECT 1 FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id
                WHERE e.predecessor_id = s.id AND n.status = 'pending') AS nothing_waits,
    NOT EXISTS (SELECT 1 FROM orchestration_edge e WHERE e.predecessor_id = s.id)
    AND NOT EXISTS (SELECT 1 FROM orchestration_step o WHERE o.run_id = s.run_id
        AND o.status NOT IN ('succeeded', 'skipped', 'failed', 'cancelled')) AS run_ended
FROM orchestration_step s WHERE s.id = %(step)s AND s.unreleased
"""


def release_step(step_id: int, run_id: UUID, signer: Signer) -> list[Released]:
    """Release what stands behind a done step: joins whose predecessors are all done, or the end of the run.

    Safe to call any number of times, by anybody. Returns: the joins this made available.
    """
    seen = fetch_one(_LOOK, {"step": step_id})
    if seen is None:
        return []
    if seen.run_ended:
        with transaction.atomic():
            close_run(run_id, RunStatus.SUCCEEDED, signer)
            fetch_one(CLEAR_RUN, {"run": run_id})
        return []
    if seen.nothing_waits:
        fetch_one(_CLEAR_ONE, {"step": step_id})
        return []
    return _release_joins(seen.ready) if seen.ready else []


_RELEASE = f"""
WITH freed AS (
    UPDATE orchestration_step j
    SET status = 'available', dispatches = j.dispatches + 1, dispatched_at = clock_timestamp()
    WHERE j.id = ANY(%(joins)s) AND j.status = 'pending' AND {NOTHING_OPEN_BEFORE}
    RETURNING j.id, j.chord_intact
), cleared AS (
    UPDATE orchestration_step p SET unreleased = false
    WHERE p.id IN (SELECT e.predecessor_id FROM freed f JOIN orchestration_edge e ON e.successor_id = f.id)
      AND p.unreleased AND NOT EXISTS (
        SELECT 1 FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id
        WHERE e.predecessor_id = p.id AND n.status = 'pending' AND n.id NOT IN (SELECT id FROM freed))
)
SELECT f.id, f.chord_intact, set_config('synchronous_commit', 'off', true) FROM freed f
"""
_CLEAR_ONE = """
UPDATE orchestration_step SET unreleased = false WHERE id = %(step)s AND unreleased
RETURNING id, set_config('synchronous_commit', 'off', true)
"""
CLEAR_RUN = """
WITH cleared AS (UPDATE orchestration_step SET unreleased = false WHERE run_id = %(run)s AND unreleased)
SELECT set_config('synchronous_commit', 'off', true)
"""


def _release_joins(join_ids: list[int]) -> list[Released]:
    return [Released(row.id, rung=row.chord_intact) for row in fetch_all(_RELEASE, {"joins": join_ids})]


_FACTS = """
SELECT r.workflow_name, r.round, r.input_digest, r.idempotency_key, r.requested_by_id, r.created_at,
    w.digest AS spec_digest,
    (SELECT z.root FROM orchestration_seal z WHERE z.run_id = r.id AND z.round = r.round - 1) AS former_root
FROM orchestration_run r JOIN orchestration_workflow w ON w.id = r.workflow_id WHERE r.id = %(run)s
"""
_STEPS = """
SELECT key, status, receipt_digest, agent, queue, attempt, failures, crashes, revision, skip_reason, reason,
    output_digest, output_tokens, finished_at
FROM orchestration_step WHERE run_id = %(run)s ORDER BY key
"""
_EVENTS = """
SELECT id, kind, step_id, attempt, data_json, at FROM orchestration_event
WHERE run_id = %(run)s AND NOT kind = ANY(%(apart)s) ORDER BY id
"""
_CLOSE = f"""
WITH closed AS (
    UPDATE orchestration_run SET status = %(status)s, finished_at = clock_timestamp(), reason = %(reason)s
    WHERE id = %(run)s AND status = 'running' RETURNING id, round
), sealed AS (
    INSERT INTO orchestration_seal (run_id, round, body_json, root, signature, public_key)
    SELECT id, round, %(body)s, %(root)s, %(signature)s, %(public_key)s FROM closed
), told AS (
    INSERT INTO orchestration_event (run_id, kind, data_json, at)
    SELECT id, '{EventKind.RUN_CLOSED}', %(event)s, clock_timestamp() FROM closed
)
SELECT id FROM closed
"""


def close_run(run_id: UUID, status: RunStatus, signer: Signer, reason: str = "") -> bool:
    """Move a running run to a final status and seal its round; return False when somebody else did.

    The caller has made sure, in the same transaction, that no step is open.
    """
    body = read_seal_body(run_id, status)
    root = digest_text(body)
    parameters = {
        "run": run_id,
        "status": status,
        "reason": reason,
        "body": body,
        "root": root,
        "signature": signer.sign(root),
        "public_key": signer.public_key,
        "event": f'{{"status":"{status}"}}',
    }
    return fetch_one(_CLOSE, parameters) is not None


def read_seal_body(run_id: UUID, status: RunStatus, before_event: int | None = None) -> str:
    """Build the body of a run's seal from its rows, as they stand.

    Args: before_event: leave out history from this id on (verification: the line that tells of the closing).
    """
    facts = fetch_one(_FACTS, {"run": run_id})
    steps = fetch_all(_STEPS, {"run": run_id})
    events = fetch_all(_EVENTS, {"run": run_id, "apart": [str(kind) for kind in AFTER_THE_FACT]})
    covered = [_event_line(event) for event in events if before_event is None or event.id < before_event]
    return build_seal(
        SealFacts(
            run={
                "id": str(run_id),
                "workflow": facts.workflow_name,
                "spec": facts.spec_digest,
                "input": facts.input_digest,
                "round": facts.round,
                "status": status,
                "idempotency_key": facts.idempotency_key,
                "requested_by": facts.requested_by_id,
                "created_at": stamp(facts.created_at),
            },
            steps=[(*step[:-1], stamp(step.finished_at) if step.finished_at else None) for step in steps],
            events_digest=digest_events(covered),
            former_root=facts.former_root,
        )
    )


def _event_line(event: Any) -> tuple[Any, ...]:
    return (event.id, event.kind, event.step_id, event.attempt, event.data_json, stamp(event.at))


_REFUSED = f"""
INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at)
VALUES (%(run)s, %(step)s, %(attempt)s, '{EventKind.LATE_WRITE_REFUSED}', %(event)s, clock_timestamp())
RETURNING id
"""


def record_late_write(claim: Claim, event_json: str) -> None:
    """Record that a write under a lost claim was refused."""
    fetch_one(
        _REFUSED,
        {"run": claim.run.run_id, "step": claim.step_id, "attempt": claim.attempt, "event": event_json},
    )
