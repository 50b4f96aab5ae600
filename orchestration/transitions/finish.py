"""running -> succeeded or skipped, and with it, in the same statement, what that releases; for any number of steps.

A successor with this step as its only predecessor is released here, or claimed in place when the caller runs on.
A join, and the run's end, are looked at after the commit (`release.py`); until then the step carries `unreleased`.
"""

import re
import uuid
from typing import Any

from agents.admission import is_kept_away
from orchestration.database.lines import dump_line, pass_lines, select_lines
from orchestration.database.statements import BY_KEY, fetch_all, fetch_one
from orchestration.domain.states import StepStatus
from orchestration.domain.work import AttemptEnd, Claim, FinalOutput, Finished, Released, RunOn
from orchestration.errors import ClaimLost
from orchestration.history import EventKind
from orchestration.transitions.claim import build_claim, find_claim, list_claimed, needs_no_slots

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
    SELECT %(attempt_id)s, d.id, d.run_id, %(rule)s, %(kind)s, %(reason)s, %(inputs)s, %(due_at)s::timestamptz,
        %(now)s
    FROM done d
"""
INSERT_RECEIPT = """
    INSERT INTO orchestration_receipt (step_id, run_id, round, revision, kind, digest, body_json)
    SELECT d.id, d.run_id, %(round)s, %(revision)s, %(receipt_kind)s, %(receipt_digest)s, %(receipt)s FROM done d
"""
# NULL (no successor: the run may end) and true (a join) both mean: look after the commit.
LOOK_BEHIND = """
    (SELECT bool_or(n.predecessor_count > 1) IS NOT FALSE
     FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id WHERE e.predecessor_id = s.id)
"""

# One line of what is given to the statement: a step's end. The names are those of the fragments' parameters.
_LINE = {
    "step": "bigint",
    "token": "uuid",
    "attempt_id": "bigint",
    "round": "integer",
    "revision": "integer",
    "status": "text",
    "accepted_by": "text",
    "output": "text",
    "digest": "text",
    "tokens": "integer",
    "skip_reason": "text",
    "receipt_kind": "text",
    "receipt_digest": "text",
    "receipt": "text",
    "now": "timestamptz",
    "outcome": "text",
    "agent_version": "integer",
    "confidence": "double precision",
    "usage": "text",
    "failure_kind": "text",
    "error_class": "text",
    "error_message": "text",
    "traceback": "text",
    "rule": "text",
    "kind": "text",
    "reason": "text",
    "inputs": "text",
    "due_at": "timestamptz",
    "event_kind": "text",
    "event": "text",
    "claim_event": "text",
    "process": "bigint",
    "queue": "text",
    "agents": "text[]",
    "next_step": "bigint",
    "next_token": "uuid",
    "next_task": "text",
}


def _of_each(fragment: str) -> str:
    """Return a fragment that takes its values from the rows of `done` instead of from the statement's parameters."""
    return re.sub(r"%\((\w+)\)s", r"d.\1", fragment)


# OFFSET 0: else `take` would be worked out for every column anew.
_FINISH = f"""
WITH given AS MATERIALIZED ({select_lines(_LINE)}), done AS (
    UPDATE orchestration_step s
    SET status = g.status, token = NULL, process_id = NULL, finished_at = g.now,
        output_json = g.output, output_digest = g.digest, output_tokens = g.tokens,
        receipt_digest = g.receipt_digest, skip_reason = g.skip_reason, reason = g.reason,
        accepted_by = g.accepted_by, unreleased = {LOOK_BEHIND}
    FROM given g
    WHERE s.id = g.step AND s.status = 'running' {BY_KEY} AND s.token = g.token
    RETURNING s.id, s.run_id, s.attempt, s.unreleased, g.*
), ended AS ({_of_each(END_ATTEMPT)}
), decided AS ({_of_each(INSERT_DECISION)}
), proved AS ({_of_each(INSERT_RECEIPT)}
), freed AS (
    UPDATE orchestration_step n
    SET status = CASE WHEN take.it THEN 'running' ELSE 'available' END,
        dispatches = n.dispatches + 1, dispatched_at = clock_timestamp(),
        token = CASE WHEN take.it THEN d.next_token END,
        process_id = CASE WHEN take.it THEN d.process END,
        attempt = n.attempt + CASE WHEN take.it THEN 1 ELSE 0 END,
        claimed_at = CASE WHEN take.it THEN clock_timestamp() END,
        deadline_at = CASE WHEN take.it THEN clock_timestamp() + make_interval(secs => n.timeout_seconds) END
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
         JOIN orchestration_run r ON r.id = d.run_id
         JOIN orchestration_step t ON t.id = e.successor_id
         CROSS JOIN LATERAL (
             SELECT t.id = d.next_step AND t.queue = d.queue AND t.agent = ANY(d.agents)
                 AND {needs_no_slots("t")}
                 AND r.status = 'running' AND EXISTS (SELECT 1 FROM orchestration_workerprocess w
                     WHERE w.id = d.process AND w.stopped_at IS NULL) AS it
             OFFSET 0
         ) take
    WHERE n.id = e.successor_id AND n.predecessor_count = 1 AND n.status IN ('pending', 'waiting')
    RETURNING {list_claimed("n")}, n.claimed_at AS read_at, {is_kept_away("n")} AS is_kept_away,
        e.carries_data, e.is_optional, e.is_child,
        d.id AS done_id, d.digest, d.tokens, d.next_task, d.claim_event
), begun AS (
    INSERT INTO orchestration_attempt
        (step_id, run_id, number, token, process_id, task_id, started_at, agent, usage_json,
         failure_kind, error_class, error_message, traceback_tail)
    SELECT id, run_id, attempt, token, process_id, next_task, claimed_at, agent, '{{}}', '', '', '', ''
    FROM freed WHERE status = 'running' RETURNING id, step_id
), handed AS (
    INSERT INTO orchestration_handoff (attempt_id, run_id, from_step_id, to_step_id, original_digest, digest,
        tokens_before, tokens_after, summarised_by, handed_at)
    SELECT b.id, f.run_id, f.done_id, f.id, f.digest, f.digest, f.tokens, f.tokens, '', f.claimed_at
    FROM freed f JOIN begun b ON b.step_id = f.id WHERE f.carries_data AND f.stage = ''
), told AS (
    INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at)
    SELECT run_id, id, attempt, event_kind, event, now FROM done
    UNION ALL
    SELECT run_id, id, attempt, '{EventKind.STEP_CLAIMED}', claim_event, claimed_at
    FROM freed WHERE status = 'running'
)
SELECT d.token AS finished_under, d.unreleased AS look_behind, f.*,
    (SELECT b.id FROM begun b WHERE b.step_id = f.id) AS attempt_id
FROM done d LEFT JOIN freed f ON f.done_id = d.id
"""

Written = dict[uuid.UUID, list[Any]]
"""What a finishing statement returned, by the token that each step was finished under."""


def finish_step(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None = None) -> Finished:
    """Move a running step to `succeeded` or `skipped` and return what this made available.

    Args: claim: the step's; its token guards the write.  run_on: the successor to claim in the same statement.
    Returns: released steps in no particular order; dispatch them after the commit.
    Raises: ClaimLost: the claim passed on; nothing was written.
    Source: guarded update as in River's JobSetStateIfRunning; docs/adr/0003-claims-and-tokens.md.
    """
    return read_finish(write_finishes([dump_finish(claim, end, final, run_on)]), claim, final, run_on)


def write_finishes(lines: list[str], *, waits: bool = True) -> Written:
    """Finish steps, each as `finish_step` does, in one statement: all that are still held, or none at all.

    Args: lines: of different claims, from `dump_finish`.  waits: as of `pass_lines`.
    Raises: django.db.Error: nothing was written, unless the connection broke.
    """
    written: Written = {}
    for row in fetch_all(_FINISH, pass_lines(lines, waits=waits)):
        written.setdefault(row.finished_under, []).append(row)
    return written


def read_finish(written: Written, claim: Claim, final: FinalOutput, run_on: RunOn | None) -> Finished:
    """Return what a finishing statement did for one of its steps.

    Raises: ClaimLost: the claim passed on; nothing was written for this step.
    """
    rows = written.get(claim.token)
    if rows is None:
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


def dump_finish(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None) -> str:
    """Return how a step ended as one line for `write_finishes`."""
    line = end_parameters(end) | {
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
    }
    if run_on is not None:
        line |= {
            "agents": run_on.agents,
            "next_step": run_on.step_id,
            "next_token": run_on.token,
            "next_task": run_on.task_id,
        }
    return dump_line(line)


def plan_finish() -> None:
    """Let PostgreSQL plan the finish of a step on this thread's connection; it is given none and changes nothing."""
    write_finishes([])


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
    return Finished(
        released=tuple(Released(step_id) for step_id in row.released),
        next_claim=find_claim(run_on.step_id, run_on.token) if run_on else None,
        look_behind=True,
    )
