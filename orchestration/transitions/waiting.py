"""Steps that are available and must not be rung for: they wait for slots of pools, or for their agent's breaker.

`waits_for` says so. `pool`: it waits for slots. `slot`: its turn has come and its message is under way; its place in
line is kept until it is claimed. `breaker`: its agent is kept away from work. A claim clears the word.
"""

from typing import Any

from orchestration.database.statements import BY_KEY, fetch_all, fetch_one
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.history import EventKind, insert_event
from orchestration.transitions.end import end_claim, ending_statement

_WAIT = ending_statement(EventKind.STEP_WAITS, "status = 'available', waits_for = 'breaker'")


def wait_step(claim: Claim, end: AttemptEnd) -> None:
    """Move a running step whose agent is kept away to `available`, not to be rung for; no try is counted.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(_WAIT, claim, end)


_LOCK_WAITER = f"""
SELECT s.id, s.pools, s.key, r.workflow_name, r.id AS run_id, r.priority, r.created_at
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
WHERE s.id = %(step)s AND s.status = 'available' {BY_KEY} AND s.stage = '' AND s.pools <> '{{}}'::jsonb
  AND s.agent = ANY(%(agents)s) AND r.status IN ('running', 'compensating')
FOR UPDATE OF s
"""


def lock_pool_step(step_id: int, agents: list[str]) -> Any:
    """Lock an available step that asks for slots until the transaction ends; None when it is none, or not any more."""
    return fetch_one(_LOCK_WAITER, {"step": step_id, "agents": agents})


_WAIT_FOR_POOL = f"""
WITH waiting AS (
    UPDATE orchestration_step s SET waits_for = 'pool'
    FROM (SELECT id, waits_for FROM orchestration_step WHERE id = %(step)s FOR UPDATE) before
    WHERE s.id = before.id AND s.status = 'available' {BY_KEY}
    RETURNING s.id, s.run_id, s.attempt, before.waits_for
), broken AS (
    UPDATE orchestration_step j SET chord_intact = false
    FROM waiting w JOIN orchestration_edge e ON e.predecessor_id = w.id
    WHERE j.id = e.successor_id AND j.chord_intact AND j.status IN ('pending', 'waiting')
), begun AS (
    SELECT * FROM waiting WHERE waits_for NOT IN ('pool', 'slot')
), told AS (
    {insert_event(EventKind.STEP_WAITS, source="begun", data="%(event)s::text")}
)
SELECT id FROM waiting
"""


def wait_for_pools(step_id: int, event_json: str) -> None:
    """Note that an available step waits for slots. The history tells of the first time only."""
    fetch_one(_WAIT_FOR_POOL, {"step": step_id, "event": event_json})


_RING_SLOTS = """
UPDATE orchestration_step s
SET waits_for = 'slot', dispatches = s.dispatches + 1, dispatched_at = clock_timestamp()
WHERE s.id = ANY(%(steps)s) AND s.status = 'available'
  AND (s.waits_for = 'pool' OR (s.waits_for = 'slot' AND s.dispatched_at < clock_timestamp()
       - make_interval(secs => %(patience)s * greatest(s.dispatches - s.attempt, 1))))
RETURNING s.id
"""


def ring_for_slots(step_ids: list[int], patience_seconds: float) -> list[int]:
    """Count a dispatch of those of these steps that were not rung for since they began to wait, and return them.

    Args: patience_seconds: after this long a message that nobody answered must be lost; each ring makes it longer.
    """
    return [row.id for row in fetch_all(_RING_SLOTS, {"steps": step_ids, "patience": patience_seconds})]


# Of several that could be the probe, the one that stands first in line; and none while another's message is under way.
_WAKE_KEPT_AWAY = f"""
WITH opening AS (
    SELECT * FROM unnest(%(agents)s::text[], %(opened)s::timestamptz[], %(probes)s::bool[])
        AS o(agent, opened_at, may_probe)
), waiting AS (
    SELECT s.id, split_part(s.agent, '@', 1) AS agent, s.timeout_seconds, r.priority, r.created_at
    FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.status = 'available' AND s.waits_for = 'breaker' AND r.status IN ('running', 'compensating')
), judged AS (
    SELECT w.id, w.created_at, CASE WHEN last.rule = 'agent_suspect'
            THEN last.decided_at <= clock_timestamp() - make_interval(secs => least(doubts.number, 10))
            ELSE o.agent IS NULL OR (last.rule = 'breaker_wait'
                AND first.decided_at < clock_timestamp() - make_interval(secs => w.timeout_seconds)) END AS may_go,
        o.may_probe AND NOT EXISTS (SELECT 1 FROM orchestration_step u WHERE u.status = 'available' AND u.waits_for = ''
                                    AND split_part(u.agent, '@', 1) = w.agent) AS may_probe,
        row_number() OVER (PARTITION BY w.agent ORDER BY w.priority DESC, w.created_at, w.id) AS place
    FROM waiting w LEFT JOIN opening o ON o.agent = w.agent
    CROSS JOIN LATERAL (SELECT d.rule, d.decided_at FROM orchestration_decision d WHERE d.step_id = w.id
                        ORDER BY d.id DESC LIMIT 1) last
    CROSS JOIN LATERAL (SELECT count(*) - 1 AS number
                        FROM orchestration_decision d WHERE d.step_id = w.id AND d.rule = 'agent_suspect') doubts
    LEFT JOIN LATERAL (SELECT d.decided_at FROM orchestration_decision d WHERE d.step_id = w.id
                       AND d.rule = 'breaker_wait' AND d.decided_at >= o.opened_at ORDER BY d.id LIMIT 1) first ON true
), chosen AS (
    SELECT id FROM judged WHERE may_go OR (may_probe AND place = 1) ORDER BY created_at, id LIMIT %(limit)s
), woken AS (
    UPDATE orchestration_step s
    SET waits_for = '', dispatches = s.dispatches + 1, dispatched_at = clock_timestamp()
    FROM chosen c WHERE s.id = c.id AND s.status = 'available' AND s.waits_for = 'breaker'
    RETURNING s.id, s.run_id, s.attempt
), told AS ({insert_event(EventKind.STEP_WOKEN, source="woken", data="'[]'").replace("[]", "{}")})
SELECT id FROM woken
"""


def wake_kept_away(openings: list[tuple[str, Any, bool]], limit: int) -> list[int]:
    """Return steps that waited for their agent's breaker and may be rung for; their dispatch is counted.

    Those whose breaker is closed; those that a door turned away, each time a second later; one for each breaker that
    lets a probe pass; and those that have waited as long as they may, once.

    Args: openings: agent, when it opened, whether a probe may pass; of every breaker that is not closed.
    """
    parameters = {
        "agents": [agent for agent, _, _ in openings],
        "opened": [opened_at for _, opened_at, _ in openings],
        "probes": [may_probe for _, _, may_probe in openings],
        "limit": limit,
    }
    return [row.id for row in fetch_all(_WAKE_KEPT_AWAY, parameters)]
