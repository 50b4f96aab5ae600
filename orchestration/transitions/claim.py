"""available -> running: take steps, write their attempts and their hand-offs, all in one statement."""

import time
import uuid
from typing import Any

from agents.admission import is_kept_away
from orchestration.database.lines import dump_line, pass_lines, select_lines
from orchestration.database.statements import BY_KEY, fetch_all, fetch_one
from orchestration.domain.states import Stage, StepKind, StepStatus
from orchestration.domain.work import Claim, Predecessor, RunFacts
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import begin_attempts, hand_over, is_held_by, lost

RUN_FACTS = """
    r.id AS run_uuid, r.project_id, r.workflow_id, r.workflow_name, r.round, r.input_json,
    r.root_id, r.depth AS run_depth, r.priority, r.deadline_at AS run_deadline_at,
    w.digest AS workflow_digest, w.sla, x.handoff_tokens, x.has_budget,
    (SELECT o.name || '/' || o.key FROM orchestration_actor o WHERE o.id = r.actor_id) AS actor
"""


def list_claimed(step: str) -> str:
    """Return the columns of a step that a `Claim` is built from; `step` is its alias."""
    return ", ".join(f"{step}.{column}" for column in _CLAIMED)


def must_ask(step: str, run: str) -> str:
    """Return the condition that a claim must ask before it calls its agent: the breaker, or whoever holds it back.

    Two looks by index, in tables that are empty but for what is wrong at the moment.

    Args: step, run: the aliases of their rows.
    """
    return f"""({is_kept_away(step)} OR EXISTS (SELECT 1 FROM orchestration_throttle h
        WHERE h.project_id = {run}.project_id AND h.agent = split_part({step}.agent, '@', 1)))"""


def needs_no_slots(step: str) -> str:
    """Return the condition that a claim of a step takes no slots: to collect what its children gave needs none."""
    return f"({step}.stage <> '' OR {step}.pools = '{{}}'::jsonb)"


_CLAIMED = (
    "id", "run_id", "key", "status", "agent", "queue", "token", "process_id", "attempt", "failures", "crashes",
    "revision", "feedback", "dispatches", "dispatched_at", "claimed_at", "deadline_at", "timeout_seconds",
    "kind", "depth", "index", "item_json", "spec_key", "spec_json", "stage", "gated", "proposed_json",
    "verdict_revisions", "renewals", "fallbacks", "pools",
)  # fmt: skip

RECEIVED = """json_build_array(v.id, v.key, v.status, v.skip_reason, v.output_json, v.output_digest,
    v.output_tokens, v.receipt_digest, v.carries_data, v.is_optional, v.is_child, coalesce(v.index, 0))"""

_BEFORE = """p.id, p.key, p.status, p.skip_reason, p.output_json, p.output_digest, p.output_tokens,
    p.receipt_digest, p.index, e.carries_data, e.is_optional, e.is_child"""
# One line of what is given to the statement: a wish to claim.
_LINE = {
    "step": "bigint",
    "token": "uuid",
    "process": "bigint",
    "task_id": "text",
    "agents": "text[]",
    "event": "text",
}

_HAND_OVER = hand_over("""
        SELECT b.id AS attempt, v.run_id AS run, v.id AS giver, v.to_id AS taker, v.output_digest AS digest,
            v.output_tokens AS tokens, v.claimed_at AS at
        FROM received v JOIN begun b ON b.step_id = v.to_id WHERE v.carries_data AND v.stage = ''""")
_CLAIM = f"""
WITH given AS MATERIALIZED ({select_lines(_LINE)}), claimed AS (
    UPDATE orchestration_step s
    SET status = 'running', token = g.token, process_id = g.process, attempt = s.attempt + 1,
        claimed_at = clock_timestamp(), waits_for = '',
        deadline_at = clock_timestamp() + make_interval(secs => s.timeout_seconds)
    FROM given g, orchestration_run r
    WHERE s.id = g.step AND s.status = 'available' {BY_KEY} AND s.agent = ANY(g.agents)
      AND (%(has_slots)s OR {needs_no_slots("s")})
      AND r.id = s.run_id
      AND (r.status = 'running' {BY_KEY} OR (r.status = 'compensating' {BY_KEY} AND s.kind = 'compensation'))
      AND EXISTS (SELECT 1 FROM orchestration_workerprocess w WHERE w.id = g.process AND w.stopped_at IS NULL)
    RETURNING {list_claimed("s")}, g.task_id, g.event
), begun AS ({begin_attempts("claimed")}
), received AS (
    SELECT {_BEFORE}, c.run_id, c.id AS to_id, c.claimed_at, c.stage
    FROM claimed c JOIN orchestration_edge e ON e.successor_id = c.id
    JOIN orchestration_step p ON p.id = e.predecessor_id
), handed AS ({_HAND_OVER}
), told AS (
    {insert_event(EventKind.STEP_CLAIMED, source="claimed", data="event", at="claimed_at")}
)
SELECT c.*, c.claimed_at AS read_at, b.id AS attempt_id, {must_ask("c", "r")} AS must_ask, {RUN_FACTS},
    (SELECT coalesce(json_agg({RECEIVED} ORDER BY v.id), '[]') FROM received v WHERE v.to_id = c.id) AS received
FROM claimed c, begun b, orchestration_run r, orchestration_workflow w, orchestration_agentcontext x
WHERE b.step_id = c.id AND r.id = c.run_id AND w.id = r.workflow_id AND x.run_id = r.id
"""

Claimed = dict[uuid.UUID, Any]
"""What a claiming statement returned, by token: a row for each step that could be claimed."""


def claim_step(
    step_id: int,
    *,
    process_id: int,
    task_id: str,
    agents: list[str],
    token: uuid.UUID | None = None,
    has_slots: bool = False,
) -> Claim | None:
    """Move an available step to `running` and return the claim; None when the message is stale.

    Args:
        process_id: the worker process's row.  task_id: Celery's.  agents: those this process can perform.
        token: the claim's, when the caller must be able to tell a claim whose answer was lost from another's.
        has_slots: this transaction takes what the step asks for of its pools; without it such a step is not claimed.
    Source: docs/adr/0003-claims-and-tokens.md.
    """
    token = token or uuid.uuid4()
    line = dump_claim(step_id, process_id=process_id, task_id=task_id, agents=agents, token=token)
    return read_claim(claim_steps([line], has_slots=has_slots), token)


def dump_claim(step_id: int, *, process_id: int, task_id: str, agents: list[str], token: uuid.UUID) -> str:
    """Return the wish to claim a step as one line for `claim_steps`."""
    event = f'{{"process":{process_id}}}'
    return dump_line(
        {
            "step": step_id,
            "token": token,
            "process": process_id,
            "task_id": task_id,
            "agents": agents,
            "event": event,
        }
    )


def claim_steps(lines: list[str], *, has_slots: bool = False, waits: bool = True) -> Claimed:
    """Claim steps, each as `claim_step` does, in one statement; of two wishes for one step, one is fulfilled.

    Args: lines: from `dump_claim`, each under a token of its own.  waits: as of `pass_lines`.
    Raises: django.db.Error: nothing was claimed, unless the connection broke.
    """
    rows = fetch_all(_CLAIM, pass_lines(lines, waits=waits) | {"has_slots": has_slots})
    return {row.token: row for row in rows}


def read_claim(claimed: Claimed, token: uuid.UUID) -> Claim | None:
    """Return the claim that was made under a token; None when its message was stale."""
    row = claimed.get(token)
    return None if row is None else build_claim(row, _read_run(row), row.received, row.task_id)


def build_claim(row: Any, run: RunFacts, received: list[list[Any]], task_id: str) -> Claim:
    """Build a claim from a step row that was just taken."""
    return Claim(
        run=run,
        step_id=row.id,
        key=row.key,
        agent=row.agent,
        queue=row.queue,
        token=row.token,
        task_id=task_id,
        process_id=row.process_id,
        attempt=row.attempt,
        attempt_id=row.attempt_id,
        failures=row.failures,
        crashes=row.crashes,
        revision=row.revision,
        feedback=row.feedback,
        dispatches=row.dispatches,
        dispatched_at=row.dispatched_at,
        claimed_at=row.claimed_at,
        deadline_at=row.deadline_at,
        timeout_seconds=row.timeout_seconds,
        read_at=row.read_at,
        monotonic_at=time.monotonic(),
        predecessors=tuple(
            Predecessor(values[0], values[1], StepStatus(values[2]), *values[3:]) for values in received
        ),
        kind=StepKind(row.kind),
        depth=row.depth,
        index=row.index,
        item_json=row.item_json,
        spec_key=row.spec_key,
        spec_json=row.spec_json,
        stage=Stage(row.stage),
        gated=row.gated,
        proposed_json=row.proposed_json,
        verdict_revisions=row.verdict_revisions,
        renewals=row.renewals,
        fallbacks=row.fallbacks,
        pools=row.pools,
        must_ask=row.must_ask,
    )


def _read_run(row: Any) -> RunFacts:
    return RunFacts(
        run_id=row.run_uuid,
        project_id=row.project_id,
        workflow_id=row.workflow_id,
        workflow_name=row.workflow_name,
        workflow_digest=row.workflow_digest,
        sla=row.sla,
        round=row.round,
        input_json=row.input_json,
        handoff_tokens=row.handoff_tokens,
        root_id=row.root_id,
        depth=row.run_depth,
        priority=row.priority,
        deadline_at=row.run_deadline_at,
        has_budget=row.has_budget,
        actor=row.actor,
    )


_LOAD_RUNNING = f"""
SELECT {list_claimed("s")}, clock_timestamp() AS read_at, a.id AS attempt_id, a.task_id,
    {must_ask("s", "r")} AS must_ask, {RUN_FACTS},
    (SELECT coalesce(json_agg({RECEIVED} ORDER BY v.id), '[]')
     FROM (SELECT {_BEFORE} FROM orchestration_edge e
           JOIN orchestration_step p ON p.id = e.predecessor_id WHERE e.successor_id = s.id) v) AS received
FROM orchestration_step s
JOIN orchestration_attempt a ON a.step_id = s.id AND a.number = s.attempt
JOIN orchestration_run r ON r.id = s.run_id JOIN orchestration_workflow w ON w.id = r.workflow_id
JOIN orchestration_agentcontext x ON x.run_id = r.id
WHERE s.id = ANY(%(steps)s) AND s.status = 'running' {BY_KEY}
"""


def load_claims(step_ids: list[int]) -> list[Claim]:
    """Read the live claims of running steps, to end them for a worker that can't.

    Nothing is locked: the token in each claim guards what is done with it.
    """
    rows = fetch_all(_LOAD_RUNNING, {"steps": step_ids})
    return [build_claim(row, _read_run(row), row.received, row.task_id) for row in rows]


def find_claim(step_id: int, token: uuid.UUID) -> Claim | None:
    """Return the live claim of a step if it is held under this token: one whose answer was lost is found so.

    Who claims again looks before and after: a broken connection leaves the server at its statement for a while, which
    commits while the second claim waits for its lock and gets nothing.
    """
    return next((claim for claim in load_claims([step_id]) if claim.token == token), None)


_LOCK_CLAIM = f"""
SELECT s.id FROM orchestration_step s WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s")} FOR UPDATE
"""


def lock_claim(claim: Claim) -> None:
    """Lock a claimed step until the transaction ends, so that what was handed to it can't change meanwhile.

    Raises: ClaimLost: the claim passed on.
    """
    if fetch_one(_LOCK_CLAIM, {"step": claim.step_id, "token": claim.token}) is None:
        raise lost(claim)
