"""What must hold of a tree of runs: at any moment, once everything overdue has been looked after, and at the end."""

from functools import lru_cache
from uuid import UUID

from orchestration.database.statements import fetch_all

_TREE = "SELECT id FROM orchestration_run WHERE root_id = ANY(%(roots)s)"
_FINAL = "('succeeded', 'skipped', 'failed', 'cancelled')"
_DONE = "('succeeded', 'skipped')"
_LIVE_RUN = "('running', 'paused', 'compensating')"
# Grown steps that were let go stay as history.
_IS_CURRENT = """(s.kind IN ('planned', 'compensation') OR EXISTS (
    SELECT 1 FROM orchestration_edge o WHERE o.predecessor_id = s.id AND o.is_child))"""
_ENDED_EARLY = """EXISTS (
    SELECT 1 FROM orchestration_runresult e WHERE e.run_id = r.id AND e.kind IN ('ended', 'finished', 'closed'))"""

ALWAYS = {
    "a final run has an open step": f"""
        SELECT s.key, s.status FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
        WHERE r.id IN ({_TREE}) AND r.status NOT IN {_LIVE_RUN} AND s.status NOT IN {_FINAL}""",
    "a succeeded run has a step that is not done": f"""
        SELECT s.key, s.status FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
        WHERE r.id IN ({_TREE}) AND r.status = 'succeeded' AND s.kind = 'planned' AND s.status NOT IN {_DONE}
          AND NOT (s.status = 'cancelled' AND {_ENDED_EARLY})""",
    "a done step has no receipt of its own": f"""
        SELECT s.key FROM orchestration_step s
        WHERE s.run_id IN ({_TREE}) AND s.status IN {_DONE} AND (s.output_json IS NULL OR NOT EXISTS (
            SELECT 1 FROM orchestration_receipt c WHERE c.step_id = s.id AND c.digest = s.receipt_digest))""",
    "a held step has not exactly one open ticket, or another has one": f"""
        SELECT s.key, s.status, count(t.id) FROM orchestration_step s
        LEFT JOIN escalation_ticket t ON t.step_id = s.id AND t.status = 'open' AND t.subject <> 'audit'
        WHERE s.run_id IN ({_TREE}) GROUP BY s.id HAVING count(t.id) <> (s.status = 'held')::int""",
    "a step's open attempts are not those of its claim": f"""
        SELECT s.key, s.status, count(a.id) FROM orchestration_step s
        LEFT JOIN orchestration_attempt a ON a.step_id = s.id AND a.outcome IS NULL
        WHERE s.run_id IN ({_TREE}) GROUP BY s.id
        HAVING count(a.id) <> (s.status = 'running')::int
            OR bool_or(a.token IS DISTINCT FROM s.token OR a.number <> s.attempt) FILTER (WHERE a.id IS NOT NULL)""",
    "attempts are missing": f"""
        SELECT s.key, s.attempt, count(a.id) FROM orchestration_step s
        LEFT JOIN orchestration_attempt a ON a.step_id = s.id
        WHERE s.run_id IN ({_TREE}) GROUP BY s.id HAVING count(a.id) <> s.attempt""",
    "an ended attempt has not exactly one decision": f"""
        SELECT s.key, a.number, a.outcome, count(d.id) FROM orchestration_attempt a
        JOIN orchestration_step s ON s.id = a.step_id LEFT JOIN orchestration_decision d ON d.attempt_id = a.id
        WHERE a.run_id IN ({_TREE}) GROUP BY a.id, s.key
        HAVING count(d.id) <> (a.outcome IS NOT NULL)::int""",
    "predecessor_count is not the number of edges": f"""
        SELECT s.key, s.predecessor_count, count(e.id) FROM orchestration_step s
        LEFT JOIN orchestration_edge e ON e.successor_id = s.id
        WHERE s.run_id IN ({_TREE}) GROUP BY s.id HAVING count(e.id) <> s.predecessor_count""",
    "a step got past the gate or past its predecessors": f"""
        SELECT s.key, s.status, p.key AS before, p.status AS before_is FROM orchestration_step s
        JOIN orchestration_edge e ON e.successor_id = s.id JOIN orchestration_step p ON p.id = e.predecessor_id
        WHERE s.run_id IN ({_TREE}) AND p.status NOT IN {_DONE} AND {_IS_CURRENT}
          AND s.status IN ('available', 'running', 'retryable', 'held', 'succeeded', 'skipped')""",
    "a live run has a failed or cancelled step that is still part of its plan": f"""
        SELECT s.key, s.status FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
        WHERE r.id IN ({_TREE}) AND r.status IN ('running', 'paused') AND s.status IN ('failed', 'cancelled')
          AND s.kind <> 'compensation' AND {_IS_CURRENT}""",
    "a round is not sealed, or one too many is": f"""
        SELECT r.id, r.status, r.round, count(z.id) FROM orchestration_run r
        LEFT JOIN orchestration_seal z ON z.run_id = r.id WHERE r.id IN ({_TREE})
        GROUP BY r.id HAVING count(z.id) <> r.round - (r.status IN {_LIVE_RUN})::int""",
    "only an available step is not to be rung for": f"""
        SELECT s.key, s.status, s.waits_for FROM orchestration_step s
        WHERE s.run_id IN ({_TREE}) AND s.waits_for <> '' AND s.status <> 'available'""",
}

# Asked after everything that the maintainer does was done until nothing more happened.
SETTLED = {
    "a step waits for nothing": f"""
        SELECT s.key, s.status, s.stage FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
        WHERE r.id IN ({_TREE}) AND r.status IN ('running', 'compensating') AND s.status IN ('pending', 'waiting')
          AND s.stage <> 'child_run' AND NOT EXISTS (
            SELECT 1 FROM orchestration_edge e JOIN orchestration_step p ON p.id = e.predecessor_id
            WHERE e.successor_id = s.id AND p.status NOT IN {_DONE})""",
    "a step waits for a child run that has ended": f"""
        SELECT s.key FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
        WHERE r.id IN ({_TREE}) AND r.status IN ('running', 'compensating') AND s.status = 'waiting'
          AND s.stage = 'child_run' AND NOT EXISTS (
            SELECT 1 FROM orchestration_run c WHERE c.parent_step_id = s.id AND c.status IN {_LIVE_RUN})""",
    "a run goes on with nothing open in it": f"""
        SELECT r.id, r.status FROM orchestration_run r
        WHERE r.id IN ({_TREE}) AND r.status IN ('running', 'compensating') AND NOT EXISTS (
            SELECT 1 FROM orchestration_step s WHERE s.run_id = r.id AND s.status NOT IN {_FINAL})""",
    "a run is live and nobody waits for it": f"""
        SELECT c.id, c.status, r.status AS above_is, p.key, p.status AS step_is FROM orchestration_run c
        JOIN orchestration_step p ON p.id = c.parent_step_id JOIN orchestration_run r ON r.id = p.run_id
        WHERE c.id IN ({_TREE}) AND c.status IN {_LIVE_RUN}
          AND (r.status NOT IN {_LIVE_RUN} OR p.status <> 'waiting')
          AND NOT (c.status = 'compensating' AND r.status IN ('failed', 'compensating'))""",
    "a run goes on under a paused one": f"""
        SELECT c.id FROM orchestration_run c
        JOIN orchestration_step p ON p.id = c.parent_step_id JOIN orchestration_run r ON r.id = p.run_id
        WHERE c.id IN ({_TREE}) AND c.status = 'running' AND r.status = 'paused'""",
    "a done step is still marked in a live run that waits for nothing of it": f"""
        SELECT s.key FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
        WHERE r.id IN ({_TREE}) AND r.status NOT IN {_LIVE_RUN} AND s.unreleased""",
    "an ended run has not told its parent": f"""
        SELECT r.id FROM orchestration_run r WHERE r.id IN ({_TREE}) AND r.untold""",
}


def find_breaches(named: dict[str, str], roots: list[UUID]) -> list[str]:
    """Return what does not hold, with the rows that show it."""
    rows = fetch_all(_put_together(tuple(named.items())), {"roots": roots})
    return [f"{row.name}: {row.found}" for row in rows]


@lru_cache(maxsize=4)
def _put_together(named: tuple[tuple[str, str], ...]) -> str:
    """Return one statement for all of them: what costs is the way to the database."""
    parts = [
        f"SELECT '{name.replace(chr(39), '')}' AS name, to_json(q)::text AS found FROM ({one}) q"
        for name, one in named
    ]
    return "\nUNION ALL\n".join(parts)
