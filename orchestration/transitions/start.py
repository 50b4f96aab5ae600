"""Nothing -> running: a run, its context, its plan and the first line of its history, in one transaction."""

import json
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.rows import NewRun
from orchestration.domain.states import RunStatus
from orchestration.history import EventKind

# Who asked for the run at the top asked for those below it, and may not approve what is done there either.
_RUN = """
INSERT INTO orchestration_run (id, project_id, workflow_id, workflow_name, status, round, input_json, input_digest,
    idempotency_key, requested_by_id, reason, priority, deadline_at, parent_step_id, root_id, depth,
    forked_from_id, forked_from_step)
VALUES (%(run)s, %(project)s, %(workflow)s, %(name)s, %(status)s, 1, %(input)s, %(digest)s, %(key)s,
    coalesce(%(requested_by)s::bigint, (SELECT t.requested_by_id FROM orchestration_run t WHERE t.id = %(root)s)),
    '', %(priority)s, clock_timestamp() + make_interval(secs => %(timeout)s::float8), %(parent_step)s,
    %(root)s, %(depth)s, %(forked_from)s, %(forked_from_step)s)
ON CONFLICT (project_id, workflow_name, idempotency_key) DO NOTHING RETURNING id
"""
_PLAN = f"""
WITH context AS (
    INSERT INTO orchestration_agentcontext (run_id, token_budget) VALUES (%(run)s, %(budget)s)
), steps AS (
    INSERT INTO orchestration_step (run_id, position, key, spec_key, agent, queue, timeout_seconds, predecessor_count,
        status, gated, pools, attempt, failures, crashes, revision, feedback, dispatches, dispatched_at, waits_for,
        unreleased, chord_intact, skip_reason, reason)
    SELECT %(run)s, n - 1, key, key, agent, queue, seconds, before,
        CASE WHEN before = 0 THEN 'available' ELSE 'pending' END, gated, pools::jsonb,
        0, 0, 0, 0, '', CASE WHEN before = 0 THEN 1 ELSE 0 END,
        CASE WHEN before = 0 THEN clock_timestamp() END, '', false, false, '', ''
    FROM unnest(%(keys)s::text[], %(agents)s::text[], %(queues)s::text[], %(seconds)s::float8[], %(before)s::int[],
                %(gated)s::bool[], %(pools)s::text[])
        WITH ORDINALITY AS plan(key, agent, queue, seconds, before, gated, pools, n)
    RETURNING id, position, status
), edges AS (
    INSERT INTO orchestration_edge (run_id, predecessor_id, successor_id, carries_data, is_optional)
    SELECT %(run)s, p.id, s.id, e.carries, e.optional
    FROM unnest(%(from)s::int[], %(to)s::int[], %(carries)s::bool[], %(optional)s::bool[])
        AS e("from", "to", carries, optional)
    JOIN steps p ON p.position = e.from JOIN steps s ON s.position = e.to
), told AS (
    INSERT INTO orchestration_event (run_id, kind, data_json, at)
    VALUES (%(run)s, '{EventKind.RUN_STARTED}', '{{}}', clock_timestamp())
)
SELECT id FROM steps WHERE status = 'available' ORDER BY position
"""


def insert_run(new: NewRun) -> tuple[UUID, list[int]] | None:
    """Write a run with its plan.

    Returns: its id and the steps that are available at once; None when the idempotency key is taken.
    """
    run_id = uuid4()
    with transaction.atomic():
        if fetch_one(_RUN, _run_parameters(run_id, new)) is None:
            return None
        rows = fetch_all(_PLAN, _plan_parameters(run_id, new))
    return run_id, [row.id for row in rows]


def _run_parameters(run_id: UUID, new: NewRun) -> dict[str, Any]:
    return {
        "run": run_id,
        "project": new.project_id,
        "workflow": new.workflow_id,
        "name": new.workflow_name,
        "status": RunStatus.PAUSED if new.is_paused else RunStatus.RUNNING,
        "input": new.input_json,
        "digest": new.input_digest,
        "key": new.idempotency_key,
        "requested_by": new.requested_by_id,
        "priority": new.priority,
        "timeout": new.timeout_seconds,
        "parent_step": new.parent.step_id if new.parent else None,
        "root": new.parent.root_id if new.parent else run_id,
        "depth": new.parent.depth if new.parent else 0,
        "forked_from": new.origin.run_id if new.origin else None,
        "forked_from_step": new.origin.from_step if new.origin else "",
    }


def _plan_parameters(run_id: UUID, new: NewRun) -> dict[str, Any]:
    return {
        "run": run_id,
        "budget": new.token_budget,
        "keys": [step.key for step in new.steps],
        "agents": [step.agent for step in new.steps],
        "queues": [step.queue for step in new.steps],
        "seconds": [step.timeout_seconds for step in new.steps],
        "before": [step.predecessor_count for step in new.steps],
        "gated": [step.gated for step in new.steps],
        "pools": [json.dumps(dict(step.pools)) for step in new.steps],
        "from": [edge.predecessor for edge in new.edges],
        "to": [edge.successor for edge in new.edges],
        "carries": [edge.carries_data for edge in new.edges],
        "optional": [edge.is_optional for edge in new.edges],
    }
