"""running -> waiting: a step's claim ends with children, or with a child run, that it waits for.

Whoever cancels the run takes its row FOR UPDATE and then its open steps; growing holds it FOR SHARE, so either the
cancel sees the children or the growing finds the run ended. The children are joined to their parent by edges like
any other: the last one to be done makes it available again (`release.py`).
"""

import json
from dataclasses import replace
from typing import Any

from django.db import transaction

from orchestration.database.statements import BY_KEY, fetch_one
from orchestration.domain.plan import Growth
from orchestration.domain.rows import NewRun
from orchestration.domain.states import RunStatus, Stage
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import ClaimLost, IdempotencyConflict
from orchestration.history import EventKind, insert_event
from orchestration.transitions.finish import END_ATTEMPT, INSERT_DECISION, end_parameters
from orchestration.transitions.start import insert_run

_LIVE = """
SELECT status FROM orchestration_run
WHERE id = %(run)s AND status IN ('running', 'paused', 'compensating') FOR SHARE
"""
# Who inherits is told by kind: a join of what was grown with the plan, by index, would compare each with each.
_EXPAND = f"""
WITH done AS (
    UPDATE orchestration_step s
    SET status = 'waiting', token = NULL, process_id = NULL, stage = %(stage)s, reason = '',
        proposed_json = coalesce(%(proposed)s, s.proposed_json),
        predecessor_count = s.predecessor_count + cardinality(%(keys)s::text[])
    WHERE s.id = %(step)s AND s.status = 'running' {BY_KEY} AND s.token = %(token)s
    RETURNING s.id, s.run_id, s.attempt, s.depth
), ended AS ({END_ATTEMPT}), decided AS ({INSERT_DECISION}
), inherited AS (
    SELECT e.predecessor_id, e.is_optional FROM orchestration_edge e
    WHERE e.successor_id = %(step)s AND e.carries_data AND NOT e.is_child
), plan AS (
    SELECT * FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(indexes)s::int[], %(agents)s::text[],
        %(queues)s::text[], %(seconds)s::float8[], %(items)s::text[], %(spec_keys)s::text[], %(specs)s::text[],
        %(gated)s::bool[], %(pools)s::text[], %(inherits)s::bool[], %(before)s::int[]) WITH ORDINALITY
    AS p(key, kind, index, agent, queue, seconds, item, spec_key, spec, gated, pools, inherits, before, n)
), grown AS (
    INSERT INTO orchestration_step (run_id, parent_id, position, key, kind, depth, index, item_json, spec_key,
        spec_json, agent, queue, timeout_seconds, gated, pools, predecessor_count, status, attempt, failures, crashes,
        revision, feedback, dispatches, dispatched_at, waits_for, unreleased, chord_intact, skip_reason, reason)
    SELECT d.run_id, d.id, top.position + p.n, p.key, p.kind, d.depth + 1, p.index, p.item, p.spec_key, p.spec,
        p.agent, p.queue, p.seconds, p.gated, p.pools::jsonb,
        p.before + CASE WHEN p.inherits THEN (SELECT count(*) FROM inherited) ELSE 0 END,
        CASE WHEN p.before = 0 THEN 'available' ELSE 'pending' END, 0, 0, 0, 0, '',
        CASE WHEN p.before = 0 THEN 1 ELSE 0 END, CASE WHEN p.before = 0 THEN clock_timestamp() END,
        '', false, false, '', ''
    FROM done d, plan p, (SELECT max(position) AS position FROM orchestration_step WHERE run_id = %(run)s) top
    ORDER BY p.n
    RETURNING id, run_id, index, status, kind
), joined AS (
    INSERT INTO orchestration_edge (run_id, predecessor_id, successor_id, carries_data, is_optional, is_child)
    SELECT run_id, id, %(step)s, false, false, true FROM grown
    UNION ALL
    SELECT g.run_id, i.predecessor_id, g.id, true, i.is_optional, false
    FROM grown g CROSS JOIN inherited i WHERE g.kind = ANY(%(heirs)s)
    UNION ALL
    SELECT a.run_id, a.id, b.id, e.carries, false, false
    FROM unnest(%(from)s::int[], %(to)s::int[], %(carries)s::bool[]) AS e("from", "to", carries)
    JOIN grown a ON a.index = e.from JOIN grown b ON b.index = e.to
), broken AS (
    UPDATE orchestration_step j SET chord_intact = false
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
    WHERE j.id = e.successor_id AND j.chord_intact AND j.status IN ('pending', 'waiting')
), told AS (
    {insert_event(EventKind.STEP_EXPANDED, source="done", data="%(event)s::text", at="%(now)s")}
)
SELECT d.id AS step, array(SELECT id FROM grown WHERE status = 'available' ORDER BY index) AS available FROM done d
"""


def expand_step(claim: Claim, end: AttemptEnd, growth: Growth) -> list[int]:
    """Move a running step to `waiting` and write the children it grew.

    Returns: the children that are available at once, in order; dispatch them after the commit.
    Raises: ClaimLost: the claim passed on, or the run ended; nothing was written.
    """
    with transaction.atomic():
        _share_run(claim)
        return _expand(claim, end, growth)


def start_child_run(claim: Claim, end: AttemptEnd, new: NewRun) -> list[int]:
    """Move a running step to `waiting` and start the run that it waits for, in one transaction.

    Returns: the child run's steps that are available at once.
    Raises: ClaimLost. IdempotencyConflict: another run has its key. In both cases nothing was written.
    """
    with transaction.atomic():
        is_paused = _share_run(claim) is RunStatus.PAUSED
        _expand(claim, end, Growth(Stage.CHILD_RUN, end.rule, ()))
        inserted = insert_run(replace(new, is_paused=is_paused))
        if inserted is None:
            raise IdempotencyConflict(f"another run has the idempotency key '{new.idempotency_key}'")
    return inserted[1]


def _share_run(claim: Claim) -> RunStatus:
    live = fetch_one(_LIVE, {"run": claim.run.run_id})
    if live is None:
        raise ClaimLost(f"run {claim.run.run_id} has ended; step {claim.step_id} can't grow any more")
    return RunStatus(live.status)


def _expand(claim: Claim, end: AttemptEnd, growth: Growth) -> list[int]:
    row = fetch_one(_EXPAND, _parameters(claim, end, growth))
    if row is None:
        raise ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")
    return list(row.available)


def _parameters(claim: Claim, end: AttemptEnd, growth: Growth) -> dict[str, Any]:
    children = growth.children
    links = [(before, child.index, True) for child in children for before in child.needs]
    links += [(before, child.index, False) for child in children for before in child.after]
    return end_parameters(end) | {
        "run": claim.run.run_id,
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "event": json.dumps({"rule": end.rule, "stage": growth.stage, "children": len(children)}),
        "stage": growth.stage,
        "proposed": growth.proposed_json,
        "keys": [child.key for child in children],
        "kinds": [child.kind for child in children],
        "indexes": [child.index for child in children],
        "agents": [child.agent for child in children],
        "queues": [child.queue for child in children],
        "seconds": [child.timeout_seconds for child in children],
        "items": [child.item_json for child in children],
        "spec_keys": [child.spec_key for child in children],
        "specs": [child.spec_json for child in children],
        "gated": [child.gated for child in children],
        "pools": [json.dumps(dict(child.pools)) for child in children],
        "heirs": sorted({str(child.kind) for child in children if child.inherits}),
        "inherits": [child.inherits for child in children],
        "before": [len(child.needs) + len(child.after) for child in children],
        "from": [before for before, _, _ in links],
        "to": [after for _, after, _ in links],
        "carries": [carries for _, _, carries in links],
    }
