"""What a step grew and nobody began rests when what is done is too large already, and goes on when a person says so.

A step that rests is cancelled and let go from the one that grew it, which therefore collects what was begun and meets
the limit then, as an attempt with a decision like any other. Who stops holds the run's row and locks children first.
"""

from dataclasses import dataclass

from django.db import transaction

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.states import STOPPED
from orchestration.domain.work import Claim
from orchestration.history import EventKind, insert_event
from orchestration.transitions.release import start_ready
from orchestration.transitions.tree import lock_run
from orchestration.transitions.vocabulary import insert_edges, recount

_STOP = f"""
WITH rest AS (
    SELECT c.id FROM orchestration_step c
    JOIN orchestration_step p ON p.id = c.parent_id AND p.status = 'waiting' AND p.stage IN ('items', 'spawned')
    JOIN orchestration_edge e ON e.predecessor_id = c.id AND e.successor_id = p.id
    WHERE c.parent_id = (SELECT s.parent_id FROM orchestration_step s WHERE s.id = %(step)s)
      AND c.status IN ('pending', 'available') AND c.attempt = 0
    ORDER BY c.position, c.id FOR NO KEY UPDATE OF c
), stopped AS (
    UPDATE orchestration_step c SET status = 'cancelled', skip_reason = '{STOPPED}', reason = %(reason)s,
        waits_for = '', finished_at = clock_timestamp()
    FROM rest WHERE c.id = rest.id RETURNING c.id, c.run_id, c.attempt, c.parent_id
), cut AS (
    DELETE FROM orchestration_edge e USING stopped c
    WHERE e.predecessor_id = c.id AND e.successor_id = c.parent_id RETURNING e.successor_id
), counted AS ({recount("cut", sets="chord_intact = false")}
), told AS (
    {insert_event(EventKind.STEP_CANCELLED, source="stopped", data="%(event)s::text")}
)
SELECT count(*) AS number FROM stopped
"""
# Of the present generation only: what a former one left unbegun stays as history.
_GO_ON = f"""
WITH back AS (
    UPDATE orchestration_step c SET status = 'pending', skip_reason = '', reason = '', finished_at = NULL
    FROM orchestration_step p
    WHERE p.id = ANY(%(parents)s) AND c.parent_id = p.id AND c.status = 'cancelled' AND c.skip_reason = '{STOPPED}'
      AND starts_with(c.key, p.key || CASE WHEN p.revision > 0 THEN '~' || p.revision ELSE '' END
          || CASE p.stage WHEN 'items' THEN '[' ELSE '/' END)
    RETURNING c.id, c.run_id, c.attempt, c.parent_id
), joined AS ({insert_edges("SELECT run_id, id, parent_id, false, false, true FROM back")}
), counted AS ({recount("(SELECT parent_id AS successor_id FROM back) b", change="+")}
), told AS (
    {insert_event(EventKind.STEP_RESET, source="back", data="%(event)s::text")}
)
SELECT id FROM back
"""


@dataclass(frozen=True, slots=True)
class GoneOn:
    """What goes on that had been stopped. `available`: those of them that can be performed at once, in plan order."""

    steps: list[int]
    available: list[int]


def stop_siblings(claim: Claim, reason: str) -> int:
    """Let those siblings of a grown step rest that were not begun; return how many.

    Nothing is stopped once the step that grew them does not wait for them any more.
    """
    with transaction.atomic():
        lock_run(claim.run.run_id)
        return int(fetch_one(_STOP, {"step": claim.step_id, "reason": reason, "event": "{}"}).number)


def go_on(parents: list[int]) -> GoneOn:
    """Let what was stopped below some steps go on; the caller holds the run's row, and moves the steps themselves."""
    steps = [row.id for row in fetch_all(_GO_ON, {"parents": parents, "event": "{}"})] if parents else []
    return GoneOn(steps, start_ready(step_ids=steps) if steps else [])
