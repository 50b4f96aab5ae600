"""After the commit of a finish: make joins available, or close the run, and clear the `unreleased` marks.

A finished step keeps its mark until nothing behind it waits any more. Every finisher looks, which writes nothing;
the one that finds a join ready (the last of two simultaneous finishers always sees the other's commit) releases it
and clears the marks before it, in one transaction. A crash in between leaves marks that the maintainer sweeps.
These transactions commit asynchronously: losing one with the database's last moments leaves the marks too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestration.domain.receipts import SealFacts, build_seal, digest_events, digest_text, stamp
from orchestration.domain.signing import Signer
from orchestration.domain.states import RunStatus
from orchestration.domain.work import Claim, Released
from orchestration.history import AFTER_THE_FACT, EventKind
from orchestration.transitions.statements import BY_KEY, fetch_all, fetch_one

# From the end: steps finish roughly in plan order, so the first look mostly finds an open one. The status is asked
# edge by edge: a join of the two tables would be made whole before its first row is looked at.
NOTHING_OPEN_BEFORE = """
    (SELECT f.predecessor_id FROM orchestration_edge f
     WHERE f.successor_id = j.id
       AND (SELECT p.status FROM orchestration_step p WHERE p.id = f.predecessor_id) NOT IN ('succeeded', 'skipped')
     ORDER BY f.predecessor_id DESC LIMIT 1) IS NULL
"""
_LOOK = f"""
SELECT array(
        SELECT j.id FROM orchestration_edge e JOIN orchestration_step j ON j.id = e.successor_id
        WHERE e.predecessor_id = s.id AND j.status = 'pending' AND {NOTHING_OPEN_BEFORE}) AS ready,
    NOT EXISTS (SELECT 1 FROM orchestration_edge e WHERE e.predecessor_id = s.id
        AND (SELECT n.status FROM orchestration_step n WHERE n.id = e.successor_id) = 'pending') AS nothing_waits,
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
            fetch_one(_COMMIT_LATER, {})
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
WITH cleared AS (UPDATE orchestration_step SET unreleased = false WHERE run_id = %(run)s AND unreleased) SELECT 1 AS one
"""
# Not where a person or a decision closes the run: what was answered must be durable.
_COMMIT_LATER = "SELECT set_config('synchronous_commit', 'off', true)"


def _release_joins(join_ids: list[int]) -> list[Released]:
    return [Released(row.id, rung=row.chord_intact) for row in fetch_all(_RELEASE, {"joins": join_ids})]


_FACTS = """
SELECT r.project_id, r.workflow_id, r.workflow_name, r.round, r.input_digest, r.idempotency_key, r.requested_by_id,
    r.created_at, w.version, w.sla, w.digest AS spec_digest, x.token_budget, clock_timestamp() AS now,
    (SELECT z.root FROM orchestration_seal z WHERE z.run_id = r.id AND z.round = r.round - 1) AS former_root
FROM orchestration_run r JOIN orchestration_workflow w ON w.id = r.workflow_id
JOIN orchestration_agentcontext x ON x.run_id = r.id WHERE r.id = %(run)s
"""
# All of a step but its marks for release and chord, which may still change when nothing is open any more.
_STEPS = """
SELECT key, status, position, receipt_digest, agent, queue, predecessor_count, timeout_seconds, attempt, failures,
    crashes, revision, feedback, dispatches, waits_for, skip_reason, reason, proposed_json, output_digest,
    output_tokens, dispatched_at, claimed_at, deadline_at, due_at, finished_at
FROM orchestration_step WHERE run_id = %(run)s ORDER BY key
"""
_EVENTS = """
SELECT id, kind, step_id, attempt, data_json, at FROM orchestration_event
WHERE run_id = %(run)s AND NOT kind = ANY(%(apart)s) ORDER BY id
"""
_CLOSE = f"""
WITH closed AS (
    UPDATE orchestration_run SET status = %(status)s, finished_at = %(now)s, reason = %(reason)s
    WHERE id = %(run)s AND status = 'running' {BY_KEY} RETURNING id, round
), sealed AS (
    INSERT INTO orchestration_seal (run_id, round, body_json, root, signature, public_key, sealed_at)
    SELECT id, round, %(body)s, %(root)s, %(signature)s, %(public_key)s, %(now)s FROM closed
), told AS (
    INSERT INTO orchestration_event (run_id, kind, data_json, at)
    SELECT id, '{EventKind.RUN_CLOSED}', %(event)s, %(now)s FROM closed
)
SELECT id FROM closed
"""


def close_run(run_id: UUID, status: RunStatus, signer: Signer, reason: str = "") -> bool:
    """Move a running run to a final status and seal its round; return False when somebody else did.

    The caller has made sure, in the same transaction, that no step is open.
    """
    facts = fetch_one(_FACTS, {"run": run_id})
    ending = Ending(status, reason, facts.now)
    body = _build_body(run_id, facts, ending, None)
    root = digest_text(body)
    parameters = {
        "run": run_id,
        "status": status,
        "reason": reason,
        "now": ending.finished_at,
        "body": body,
        "root": root,
        "signature": signer.sign(root),
        "public_key": signer.public_key,
        "event": describe_closing(status),
    }
    return fetch_one(_CLOSE, parameters) is not None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, as its seal says."""

    status: RunStatus
    reason: str
    finished_at: datetime


def describe_closing(status: str) -> str:
    """Return the data of the line that tells of a run's end."""
    return f'{{"status":"{status}"}}'


def read_seal_body(run_id: UUID, ending: Ending, before_event: int | None) -> str:
    """Build the body of a closed run's seal from its rows, as they stand.

    Args:
        run_id: the run.
        ending: its own columns of its end.
        before_event: leave out history from this id on: the line that tells of the closing.
    """
    return _build_body(run_id, fetch_one(_FACTS, {"run": run_id}), ending, before_event)


def _build_body(run_id: UUID, facts: Any, ending: Ending, before_event: int | None) -> str:  # a row of _FACTS
    steps = fetch_all(_STEPS, {"run": run_id})
    events = fetch_all(_EVENTS, {"run": run_id, "apart": [str(kind) for kind in AFTER_THE_FACT]})
    covered = [_event_line(event) for event in events if before_event is None or event.id < before_event]
    return build_seal(
        SealFacts(
            run=_run_facts(run_id, facts, ending),
            steps=[_step_line(step) for step in steps],
            events_digest=digest_events(covered),
            former_root=facts.former_root,
        )
    )


def _run_facts(run_id: UUID, facts: Any, ending: Ending) -> dict[str, Any]:
    return {
        "id": str(run_id),
        "project": facts.project_id,
        "workflow": facts.workflow_name,
        "workflow_id": facts.workflow_id,
        "version": facts.version,
        "spec": facts.spec_digest,
        "sla": facts.sla,
        "input": facts.input_digest,
        "round": facts.round,
        "status": ending.status,
        "reason": ending.reason,
        "idempotency_key": facts.idempotency_key,
        "requested_by": facts.requested_by_id,
        "token_budget": facts.token_budget,
        "created_at": stamp(facts.created_at),
        "finished_at": stamp(ending.finished_at),
    }


def _step_line(step: Any) -> tuple[Any, ...]:  # a row of _STEPS
    *values, proposed, digest, tokens = step[:-5]
    times = [None if moment is None else stamp(moment) for moment in step[-5:]]
    return (*values, None if proposed is None else digest_text(proposed), digest, tokens, *times)


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
