"""running -> succeeded or skipped, and with it, in the same statement, what that releases.

A successor with this step as its only predecessor is released here, or claimed in place when the caller runs on.
A join, and the run's end, are looked at after the commit (`release.py`); until then the step carries `unreleased`.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.admission import is_kept_away
from orchestration.domain.states import Acceptance, AttemptOutcome, DecisionKind, ReceiptKind, StepStatus
from orchestration.domain.work import Claim, Finished, Released, RunOn
from orchestration.errors import ClaimLost
from orchestration.history import EventKind
from orchestration.transitions.claim import build_claim, list_claimed, load_claims, needs_no_slots
from orchestration.transitions.statements import BY_KEY, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended and what the policy made of it; written with the step's own change.

    Attributes:
        finished_at: the database's clock, once for all tries to write it, so that it tells this end from another's.
        inputs_json: what the policy saw.  reason: in words, for a person.
    """

    finished_at: datetime
    outcome: AttemptOutcome
    kind: DecisionKind
    rule: str
    inputs_json: str
    reason: str = ""
    agent_version: int | None = None
    confidence: float | None = None
    usage_json: str = "{}"
    failure_kind: str = ""
    error_class: str = ""
    error_message: str = ""
    traceback_tail: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FinalOutput:
    """A step's final output with its proof. `status` is succeeded or skipped; `skip_reason` only with skipped."""

    status: StepStatus
    output_json: str
    digest: str
    tokens: int
    receipt_kind: ReceiptKind
    receipt_json: str
    receipt_digest: str
    finished_at: datetime
    skip_reason: str = ""
    accepted_by: Acceptance = Acceptance.NOBODY


# What every ending of an attempt writes, as CTEs behind `done` (id, run_id, attempt of the changed step).
END_ATTEMPT = """
    UPDATE orchestration_attempt a
    SET finished_at = %(now)s, outcome = %(outcome)s, agent_version = %(agent_version)s,
        confidence = %(confidence)s, usage_json = %(usage)s, failure_kind = %(failure_kind)s,
        error_class = %(error_class)s, error_message = %(error_message)s, traceback_tail = %(traceback)s
    FROM done d WHERE a.id = %(attempt_id)s
"""
INSERT_DECISION = """
    INSERT INTO orchestration_decision
        (attempt_id, step_id, run_id, rule, kind, reason, inputs_json, due_at, decided_at)
    SELECT %(attempt_id)s, id, run_id, %(rule)s, %(kind)s, %(reason)s, %(inputs)s, %(due_at)s::timestamptz, %(now)s
    FROM done
"""
INSERT_RECEIPT = """
    INSERT INTO orchestration_receipt (step_id, run_id, round, revision, kind, digest, body_json)
    SELECT id, run_id, %(round)s, %(revision)s, %(receipt_kind)s, %(receipt_digest)s, %(receipt)s FROM done
"""
# NULL (no successor: the run may end) and true (a join) both mean: look after the commit.
LOOK_BEHIND = """
    (SELECT bool_or(n.predecessor_count > 1) IS NOT FALSE
     FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id WHERE e.predecessor_id = s.id)
"""

# OFFSET 0: else `take` would be worked out anew for every column that asks for it.
_FINISH = f"""
WITH done AS (
    UPDATE orchestration_step s
    SET status = %(status)s, token = NULL, process_id = NULL, finished_at = %(now)s,
        output_json = %(output)s, output_digest = %(digest)s, output_tokens = %(tokens)s,
        receipt_digest = %(receipt_digest)s, skip_reason = %(skip_reason)s, reason = %(reason)s,
        accepted_by = %(accepted_by)s, unreleased = {LOOK_BEHIND}
    WHERE s.id = %(step)s AND s.status = 'running' {BY_KEY} AND s.token = %(token)s
    RETURNING s.id, s.run_id, s.attempt, s.unreleased
), ended AS ({END_ATTEMPT}), decided AS ({INSERT_DECISION}), proved AS ({INSERT_RECEIPT}
), freed AS (
    UPDATE orchestration_step n
    SET status = CASE WHEN take.it THEN 'running' ELSE 'available' END,
        dispatches = n.dispatches + 1, dispatched_at = clock_timestamp(),
        token = CASE WHEN take.it THEN %(next_token)s::uuid END,
        process_id = CASE WHEN take.it THEN %(process)s::bigint END,
        attempt = n.attempt + CASE WHEN take.it THEN 1 ELSE 0 END,
        claimed_at = CASE WHEN take.it THEN clock_timestamp() END,
        deadline_at = CASE WHEN take.it THEN clock_timestamp() + make_interval(secs => n.timeout_seconds) END
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
         JOIN orchestration_run r ON r.id = d.run_id
         JOIN orchestration_step t ON t.id = e.successor_id
         CROSS JOIN LATERAL (
             SELECT t.id = %(next_step)s::bigint AND t.queue = %(queue)s AND t.agent = ANY(%(agents)s)
                 AND {needs_no_slots("t")}
                 AND r.status = 'running' AND EXISTS (SELECT 1 FROM orchestration_workerprocess w
                     WHERE w.id = %(process)s AND w.stopped_at IS NULL) AS it
             OFFSET 0
         ) take
    WHERE n.id = e.successor_id AND n.predecessor_count = 1 AND n.status IN ('pending', 'waiting')
    RETURNING {list_claimed("n")}, n.claimed_at AS read_at, {is_kept_away("n")} AS is_kept_away,
        e.carries_data, e.is_optional, e.is_child
), begun AS (
    INSERT INTO orchestration_attempt
        (step_id, run_id, number, token, process_id, task_id, started_at, agent, usage_json,
         failure_kind, error_class, error_message, traceback_tail)
    SELECT id, run_id, attempt, token, process_id, %(next_task)s, claimed_at, agent, '{{}}', '', '', '', ''
    FROM freed WHERE status = 'running' RETURNING id
), handed AS (
    INSERT INTO orchestration_handoff (attempt_id, run_id, from_step_id, to_step_id, original_digest, digest,
        tokens_before, tokens_after, summarised_by, handed_at)
    SELECT b.id, f.run_id, %(step)s, f.id, %(digest)s, %(digest)s, %(tokens)s, %(tokens)s, '', f.claimed_at
    FROM freed f, begun b WHERE f.carries_data AND f.status = 'running' AND f.stage = ''
), told AS (
    INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at)
    SELECT run_id, id, attempt, %(event_kind)s, %(event)s, %(now)s FROM done
    UNION ALL
    SELECT run_id, id, attempt, '{EventKind.STEP_CLAIMED}', %(claim_event)s, claimed_at
    FROM freed WHERE status = 'running'
)
SELECT d.unreleased AS look_behind, f.*, (SELECT b.id FROM begun b) AS attempt_id
FROM done d LEFT JOIN freed f ON true
"""


def finish_step(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None = None) -> Finished:
    """Move a running step to `succeeded` or `skipped` and return what this made available.

    Args: claim: the step's; its token guards the write.  run_on: the successor to claim in the same statement.
    Returns: released steps in no particular order; dispatch them after the commit.
    Raises: ClaimLost: the claim passed on; nothing was written.
    Source: guarded update as in River's JobSetStateIfRunning; docs/adr/0003-claims-and-tokens.md.
    """
    rows = fetch_all(_FINISH, _parameters(claim, end, final, run_on))
    if not rows:
        raise ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")
    freed = [row for row in rows if row.id is not None]
    taken = next((row for row in freed if row.status == StepStatus.RUNNING), None)
    return Finished(
        released=tuple(Released(row.id) for row in freed if row is not taken),
        next_claim=None if taken is None or run_on is None else _next_claim(claim, final, taken, run_on),
        look_behind=rows[0].look_behind,
    )


def _next_claim(claim: Claim, final: FinalOutput, row: Any, run_on: RunOn) -> Claim:
    received = [
        claim.step_id,
        claim.key,
        final.status,
        final.skip_reason,
        final.output_json,
        final.digest,
        final.tokens,
        final.receipt_digest,
        row.carries_data,
        row.is_optional,
        row.is_child,
        claim.index or 0,
    ]
    return build_claim(row, claim.run, [received], run_on.task_id)


def end_parameters(end: AttemptEnd) -> dict[str, Any]:
    """Return the parameters of END_ATTEMPT and INSERT_DECISION but the attempt's id."""
    return {
        "now": end.finished_at,
        "outcome": end.outcome,
        "agent_version": end.agent_version,
        "confidence": end.confidence,
        "usage": end.usage_json,
        "failure_kind": end.failure_kind,
        "error_class": end.error_class,
        "error_message": end.error_message,
        "traceback": end.traceback_tail,
        "rule": end.rule,
        "kind": end.kind,
        "reason": end.reason,
        "inputs": end.inputs_json,
        "due_at": end.due_at,
    }


def _parameters(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None) -> dict[str, Any]:
    return end_parameters(end) | {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "round": claim.run.round,
        "revision": claim.revision,
        "accepted_by": final.accepted_by,
        "status": final.status,
        "output": final.output_json,
        "digest": final.digest,
        "tokens": final.tokens,
        "skip_reason": final.skip_reason,
        "receipt_kind": final.receipt_kind,
        "receipt_digest": final.receipt_digest,
        "receipt": final.receipt_json,
        "event_kind": _EVENT_OF[final.status],
        "event": f'{{"rule":"{end.rule}"}}',
        "claim_event": f'{{"process":{claim.process_id},"ran_on":true}}',
        "process": claim.process_id,
        "queue": claim.queue,
        # Where nothing is wanted, something that nothing is like: NULLs would make this a second statement to plan.
        "agents": run_on.agents if run_on else [claim.agent],
        "next_step": run_on.step_id if run_on else _NO_STEP,
        "next_token": run_on.token if run_on else claim.token,
        "next_task": run_on.task_id if run_on else "",
    }


_NO_STEP = 0
# Of the same types as an accepted answer's: psycopg prepares a statement for each set of types that it is given.
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("step", "attempt_id", "round", "revision", "tokens"), 0),
    **dict.fromkeys(("process", "next_step", "agent_version"), 0),
    **dict.fromkeys(("rule", "reason", "inputs", "skip_reason", "usage", "output", "digest"), ""),
    **dict.fromkeys(("failure_kind", "error_class", "error_message", "traceback"), ""),
    **dict.fromkeys(("receipt", "receipt_digest", "event", "claim_event", "queue", "next_task"), ""),
    **dict.fromkeys(("confidence", "due_at")),
    **dict.fromkeys(("token", "next_token"), uuid.UUID(int=0)),
    "agents": [""],
    "now": datetime.fromtimestamp(0, UTC),
    "outcome": AttemptOutcome.ANSWERED,
    "kind": DecisionKind.ACCEPT,
    "status": StepStatus.SUCCEEDED,
    "receipt_kind": ReceiptKind.OUTPUT,
    "accepted_by": Acceptance.NOBODY,
    "event_kind": EventKind.STEP_SUCCEEDED,
}


def plan_finish() -> None:
    """Let PostgreSQL plan the finish of a step on this thread's connection; it finds none and changes nothing."""
    fetch_all(_FINISH, _NOTHING)


_EVENT_OF = {
    StepStatus.SUCCEEDED: EventKind.STEP_SUCCEEDED,
    StepStatus.SKIPPED: EventKind.STEP_SKIPPED,
}


def new_run_on(step_id: int, task_id: str, agents: list[str]) -> RunOn:
    """Return the wish to claim a successor in place, with a fresh token, if its agent is among those."""
    return RunOn(step_id, uuid.uuid4(), task_id, agents)


_REREAD = """
SELECT a.outcome, a.finished_at,
    (SELECT coalesce(array_agg(n.id), '{}') FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id
     WHERE e.predecessor_id = s.id AND n.predecessor_count = 1 AND n.status = 'available') AS released
FROM orchestration_attempt a JOIN orchestration_step s ON s.id = a.step_id WHERE a.id = %(attempt_id)s
"""


def reread_end(claim: Claim, end: AttemptEnd, run_on: RunOn | None) -> Finished | None:
    """Look whether an ending whose answer was lost was committed; None when it was not and may be tried again.

    Raises: ClaimLost: somebody else ended the attempt meanwhile.
    """
    row = fetch_one(_REREAD, {"attempt_id": claim.attempt_id})
    if row.outcome is None:
        return None
    if (row.outcome, row.finished_at) != (end.outcome, end.finished_at):
        raise ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")
    taken = [c for c in load_claims([run_on.step_id]) if c.token == run_on.token] if run_on else []
    return Finished(
        released=tuple(Released(step_id) for step_id in row.released),
        next_claim=taken[0] if taken else None,
        look_behind=True,
    )
