"""Nothing -> running: a run, its context, its plan and the first line of its history, in one transaction."""

from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.rows import NewRun, StepRow
from orchestration.domain.states import RunStatus, StepKind
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import NEW_STEP, insert_edges, insert_steps

# Who asked for the run at the top asked for those below it, and may not approve what is done there either.
_RUN = """
INSERT INTO orchestration_run (id, project_id, workflow_id, workflow_name, status, round, input_json, input_digest,
    idempotency_key, requested_by_id, reason, priority, deadline_at, parent_step_id, root_id, depth,
    forked_from_id, forked_from_step, actor_id)
VALUES (%(run)s, %(project)s, %(workflow)s, %(name)s, %(status)s, 1, %(input)s, %(digest)s, %(key)s,
    coalesce(%(requested_by)s::bigint, (SELECT t.requested_by_id FROM orchestration_run t WHERE t.id = %(root)s)),
    '', %(priority)s, clock_timestamp() + make_interval(secs => %(timeout)s::float8), %(parent_step)s,
    %(root)s, %(depth)s, %(forked_from)s, %(forked_from_step)s, %(actor)s)
ON CONFLICT (project_id, workflow_name, idempotency_key) DO NOTHING RETURNING id
"""
_EDGE = {
    "predecessor": "integer",
    "successor": "integer",
    "carries_data": "boolean",
    "is_optional": "boolean",
}
_STEPS = insert_steps(
    read_lines("steps", NEW_STEP | {"before": "integer"}, "p"), run="%(run)s", before="p.before"
)
_EDGES = insert_edges(f"""
    SELECT %(run)s, p.id, s.id, e.carries_data, e.is_optional, false FROM {read_lines("edges", _EDGE, "e")}
    JOIN steps p ON p.position = e.predecessor JOIN steps s ON s.position = e.successor""")
_PLAN = f"""
WITH context AS (
    INSERT INTO orchestration_agentcontext (run_id, handoff_tokens, has_budget)
    VALUES (%(run)s, %(handoff_tokens)s, %(units)s::text[] <> '{{}}' OR coalesce((
        SELECT x.has_budget FROM orchestration_step s JOIN orchestration_agentcontext x ON x.run_id = s.run_id
        WHERE s.id = %(parent_step)s::bigint), false))
), pots AS (
    INSERT INTO orchestration_pot (run_id, unit, "limit", opened_with)
    SELECT %(run)s, w.unit, w.most, w.most FROM unnest(%(units)s::text[], %(limits)s::bigint[]) AS w(unit, most)
), steps AS ({_STEPS} RETURNING id, position, status
), edges AS ({_EDGES}
), told AS (
    {insert_event(EventKind.RUN_STARTED, source="(SELECT %(run)s::uuid AS id) r", data="'{}'", of_run=True)}
)
SELECT id FROM steps WHERE status = 'available' ORDER BY position
"""


def insert_run(new: NewRun) -> tuple[UUID, list[int]] | None:
    """Write a run with its plan.

    Returns: its id and the steps that are available at once; None when the idempotency key is taken.
    """
    run_id = uuid4()
    # Whoever calls it inside a transaction gives that up if this fails: a savepoint would be two round trips more.
    with transaction.atomic(savepoint=False):
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
        "actor": new.actor_id,
    }


def _plan_parameters(run_id: UUID, new: NewRun) -> dict[str, Any]:
    return {
        "run": run_id,
        "handoff_tokens": new.handoff_tokens,
        "parent_step": new.parent.step_id if new.parent else None,
        "units": list(new.budget),
        "limits": list(new.budget.values()),
        "steps": dump_line([_describe_step(place, step) for place, step in enumerate(new.steps)]),
        "edges": dump_line([asdict(edge) for edge in new.edges]),
    }


def _describe_step(place: int, step: StepRow) -> dict[str, Any]:
    return {
        "n": place,
        "key": step.key,
        "spec_key": step.key,
        "kind": StepKind.PLANNED,
        "agent": step.agent,
        "queue": step.queue,
        "timeout_seconds": step.timeout_seconds,
        "gated": step.gated,
        "pools": dict(step.pools),
        "before": step.predecessor_count,
    }
