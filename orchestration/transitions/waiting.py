"""Steps that are available and must not be rung for: they wait for slots of pools, their agent's breaker or people.

`waits_for` says so, in the words of `domain/waits.py`. A claim clears the word.
"""

from typing import Any

from orchestration.database.statements import BY_KEY, fetch_all, fetch_one
from orchestration.domain.waits import WaitsFor
from orchestration.domain.words import GOES_ON, one_of
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import break_chords, ring_chosen

_OF_POOLS = one_of({WaitsFor.POOL, WaitsFor.SLOT})

_LOCK_WAITER = f"""
SELECT s.id, s.pools, s.key, r.workflow_name, r.id AS run_id, r.priority, r.created_at
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
WHERE s.id = %(step)s AND s.status = 'available' {BY_KEY} AND s.stage = '' AND s.pools <> '{{}}'::jsonb
  AND s.agent = ANY(%(agents)s) AND r.status IN {GOES_ON}
FOR UPDATE OF s
"""


def lock_pool_step(step_id: int, agents: list[str]) -> Any:
    """Lock an available step that asks for slots until the transaction ends; None when it is none, or not any more."""
    return fetch_one(_LOCK_WAITER, {"step": step_id, "agents": agents})


def _put_off(word: WaitsFor, guard: str, data: str) -> str:
    """Return the statement that lets an available step wait, and tells of it unless it did so already.

    Args: guard: on the step `s`, and `before`, the same row before the change.  data: of the history's line.
    """
    return f"""
WITH waiting AS (
    UPDATE orchestration_step s SET waits_for = '{word}'
    FROM (SELECT id, waits_for FROM orchestration_step WHERE id = %(step)s FOR UPDATE) before
    WHERE s.id = before.id AND s.status = 'available' {BY_KEY} AND {guard}
    RETURNING s.id, s.run_id, s.attempt, s.agent, before.waits_for
), broken AS ({break_chords("waiting")}
), begun AS (SELECT * FROM waiting WHERE waits_for NOT IN {_OF_POOLS}
), told AS ({insert_event(EventKind.STEP_WAITS, source="begun", data=data)}
)
SELECT id FROM waiting
"""


_WAIT_FOR_POOL = _put_off(WaitsFor.POOL, "true", "%(event)s::text")
_UNKNOWN_AGENT = _put_off(
    WaitsFor.AGENT,
    "before.waits_for = '' AND NOT s.agent = ANY(%(agents)s)",
    "json_build_object('agent', agent)::text",
)


def wait_for_pools(step_id: int, event_json: str) -> None:
    """Note that an available step waits for slots. The history tells of the first time only."""
    fetch_one(_WAIT_FOR_POOL, {"step": step_id, "event": event_json})


def mark_unknown_agent(step_id: int, agents: list[str]) -> bool:
    """Note that an available step waits until a worker knows its agent; return whether that is the case."""
    return fetch_one(_UNKNOWN_AGENT, {"step": step_id, "agents": agents}) is not None


_RING_SLOTS = ring_chosen(
    "chosen AS (SELECT unnest(%(steps)s::bigint[]) AS id)",
    sets=f"waits_for = '{WaitsFor.SLOT}'",
    guard=f"""s.status = 'available' AND (s.waits_for = '{WaitsFor.POOL}'
        OR (s.waits_for = '{WaitsFor.SLOT}' AND s.dispatched_at < clock_timestamp()
            - make_interval(secs => %(patience)s * greatest(s.dispatches - s.attempt, 1))))""",
)


def ring_for_slots(step_ids: list[int], patience_seconds: float) -> list[int]:
    """Count a dispatch of those of these steps that were not rung for since they began to wait, and return them.

    Args: patience_seconds: after this long a message that nobody answered must be lost; each ring makes it longer.
    """
    return [row.id for row in fetch_all(_RING_SLOTS, {"steps": step_ids, "patience": patience_seconds})]


# Of several that could be the probe, the one that stands first in line; and none while another's message is under way.
_WAKE_KEPT_AWAY = ring_chosen(
    f"""opening AS (
    SELECT * FROM unnest(%(agents)s::text[], %(opened)s::timestamptz[], %(probes)s::bool[])
        AS o(agent, opened_at, may_probe)
), waiting AS (
    SELECT s.id, CASE WHEN s.waits_on = '' THEN split_part(s.agent, '@', 1) ELSE s.waits_on END AS agent,
      s.timeout_seconds, r.priority, r.created_at FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.status = 'available' AND s.waits_for = '{WaitsFor.BREAKER}' AND r.status IN {GOES_ON}
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
)""",
    sets="waits_for = ''",
    guard=f"s.status = 'available' AND s.waits_for = '{WaitsFor.BREAKER}'",
    event=EventKind.STEP_WOKEN,
)


# Who was not asked about yet goes on once when it has waited as long as it may: it may be the one that asks.
_WAKE_HELD_BACK = ring_chosen(
    f"""held_back AS (
    SELECT s.id, s.timeout_seconds, r.priority, r.created_at,
        (SELECT min(h.since) FROM orchestration_throttle h
         WHERE h.project_id = r.project_id AND h.agent = split_part(s.agent, '@', 1)) AS since
    FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.status = 'available' AND s.waits_for = '{WaitsFor.REVIEWERS}' AND r.status IN {GOES_ON}
), chosen AS (
    SELECT id FROM held_back b
    WHERE since IS NULL OR (
        (SELECT d.rule FROM orchestration_decision d WHERE d.step_id = b.id ORDER BY d.id DESC LIMIT 1)
            <> 'reviewers_asked'
        AND (SELECT min(d.decided_at) FROM orchestration_decision d
             WHERE d.step_id = b.id AND d.rule = 'reviewers_wait' AND d.decided_at >= b.since)
            <= clock_timestamp() - make_interval(secs => b.timeout_seconds))
    ORDER BY priority DESC, created_at, id LIMIT %(limit)s
)""",
    sets="waits_for = ''",
    guard=f"s.status = 'available' AND s.waits_for = '{WaitsFor.REVIEWERS}'",
    event=EventKind.STEP_WOKEN,
)


def wake_held_back(limit: int) -> list[int]:
    """Return steps that waited for reviewers and may be rung for; their dispatch is counted.

    Those whose agent nobody holds back any more; and those that have waited as long as they may, once.
    """
    return [row.id for row in fetch_all(_WAKE_HELD_BACK, {"limit": limit})]


def wake_kept_away(openings: list[tuple[str, Any, bool]], limit: int) -> list[int]:
    """Return steps that waited for a breaker, their agent's or a model's, and may be rung for; a dispatch is counted.

    Those whose breaker is closed; those that a door turned away, each time a second later; one for each breaker that
    lets a probe pass; and those that have waited as long as they may, once.

    Args: openings: agent or model, when it opened, whether a probe may pass; of every breaker that is not closed.
    """
    parameters = {
        "agents": [agent for agent, _, _ in openings],
        "opened": [opened_at for _, opened_at, _ in openings],
        "probes": [may_probe for _, _, may_probe in openings],
        "limit": limit,
    }
    return [row.id for row in fetch_all(_WAKE_KEPT_AWAY, parameters)]
