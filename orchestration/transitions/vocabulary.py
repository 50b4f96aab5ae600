"""What transitions say again and again, said once: fragments of SQL, made from the lists of `domain/`.

A fragment that names rows takes their alias. Read next: `ending.py`, which puts fragments together.
"""

from typing import Final

from orchestration.database.statements import BY_KEY
from orchestration.domain.states import StepKind, StepStatus
from orchestration.domain.words import DONE_STEP, UNBEGUN
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost
from orchestration.history import EventKind, insert_event

EMPTY: Final = "'{}'"
"""The data of a line of the history that says nothing more."""


def ring(step: str) -> str:
    """Return the SET items that ask for a message: whoever makes a step available, or rings again, counts it."""
    return f"dispatches = {step}.dispatches + 1, dispatched_at = clock_timestamp()"


def break_chords(source: str) -> str:
    """Return the UPDATE after which the database rings for the joins behind the steps of `source`.

    Those steps are headers of chords. A header that does not end with its first message never counts for its chord, so
    that Celery never sends the chord's body.
    """
    return f"""
    UPDATE orchestration_step j SET chord_intact = false
    FROM {source} b JOIN orchestration_edge e ON e.predecessor_id = b.id
    WHERE j.id = e.successor_id AND j.chord_intact AND j.status IN {UNBEGUN}"""


def ring_chosen(
    chosen: str, *, sets: str = "", guard: str = "", event: EventKind | None = None, breaks: bool = False
) -> str:
    """Return the statement that rings for steps and returns them.

    Args:
        chosen: CTEs, of which the last is called so and gives the steps' ids.  sets: further SET items.
        guard: looked at once more under the row's lock, where `chosen` has not locked it.
        event: the line of each in the history.  breaks: the chords that they were headers of can't fire any more.
    """
    more = f", broken AS ({break_chords('chosen')}\n)" if breaks else ""
    if event is not None:
        more += f", told AS ({insert_event(event, source='rung', data=EMPTY)})"
    return f"""
WITH {chosen}, rung AS (
    UPDATE orchestration_step s SET {sets and f"{sets}, "}{ring("s")}
    FROM chosen c WHERE s.id = c.id {guard and f"AND {guard}"} RETURNING s.id, s.run_id, s.attempt
){more}
SELECT id FROM rung
"""


def is_held_by(step: str, token: str) -> str:
    """Return the guard of every write of a running step: `token` is still the one that it was claimed under."""
    return f"{step}.status = '{StepStatus.RUNNING}' {BY_KEY} AND {step}.token = {token}"


def lost(claim: Claim) -> ClaimLost:
    """Return the error of a write whose guard found nothing."""
    return ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")


def is_in_plan(step: str) -> str:
    """Return the condition that a step is a current one: planned, or still joined to the step that grew it."""
    return f"""({step}.kind = '{StepKind.PLANNED}' OR EXISTS (
        SELECT 1 FROM orchestration_edge o WHERE o.predecessor_id = {step}.id AND o.is_child))"""


def nothing_open_before(step: str) -> str:
    """Return the condition that all steps before a step are done.

    From the end: steps finish roughly in plan order, so the first look mostly finds an open one. The status is asked
    edge by edge: a join of the two tables would be made whole before its first row is looked at. OFFSET 0: of the edges
    of this step only; planned for empty tables, the status would be asked for each edge there is.
    """
    return f"""(SELECT f.predecessor_id FROM (SELECT b.predecessor_id FROM orchestration_edge b
        WHERE b.successor_id = {step}.id ORDER BY b.predecessor_id DESC OFFSET 0) f
     WHERE (SELECT p.status FROM orchestration_step p WHERE p.id = f.predecessor_id) NOT IN {DONE_STEP}
     LIMIT 1) IS NULL"""


def insert_edges(select: str) -> str:
    """Return the INSERT of edges; `select` gives run, predecessor, successor, carries data, is optional, is child."""
    return f"""
    INSERT INTO orchestration_edge (run_id, predecessor_id, successor_id, carries_data, is_optional, is_child)
    {select}"""


def grown_below(seeds: str) -> str:
    """Return what the recursive CTE `below` holds: the edges to all that hangs below steps, children's children too.

    Args: seeds: the condition on those steps' ids, e.g. `= ANY(...)`.
    """
    return f"""
    SELECT e.predecessor_id, e.successor_id FROM orchestration_edge e WHERE e.is_child AND e.successor_id {seeds}
    UNION SELECT e.predecessor_id, e.successor_id
    FROM below b JOIN orchestration_edge e ON e.successor_id = b.predecessor_id WHERE e.is_child"""


def recount(edges: str, *, change: str = "-", sets: str = "") -> str:
    """Return the UPDATE of how many predecessors steps have, when edges to them go (`-`) or come (`+`).

    Args: edges: the table or CTE of these edges; its `successor_id` is read.  sets: further SET items.
    """
    return f"""
    UPDATE orchestration_step p SET predecessor_count = p.predecessor_count {change} c.number{sets and f", {sets}"}
    FROM (SELECT successor_id, count(*) AS number FROM {edges} GROUP BY successor_id) c WHERE p.id = c.successor_id"""


NEW_STEP: Final = {
    "n": "integer",
    "key": "text",
    "spec_key": "text",
    "spec_json": "text",
    "kind": "text",
    "index": "integer",
    "item_json": "text",
    "agent": "text",
    "queue": "text",
    "timeout_seconds": "double precision",
    "gated": "boolean",
    "pools": "jsonb",
}
"""What every new step's line says: `n` is its place among those written with it, from 0; the rest are its columns."""

_SAID: Final = [name for name in NEW_STEP if name != "n"]
_BLANK: Final = {
    "attempt": "0", "failures": "0", "crashes": "0", "revision": "0", "feedback": "''", "waits_for": "''",
    "unreleased": "false", "chord_intact": "false", "skip_reason": "''", "reason": "''",
}  # fmt: skip


def insert_steps(
    source: str, *, run: str, before: str, first: int | str = 0, starts: str = "", **more: str
) -> str:
    """Return the INSERT of new steps, each available at once if nothing stands before it.

    Args:
        source: FROM items; `p` is a line of `NEW_STEP`.  run: the run's id.  before: how many it waits for.
        first: the position of the first.  starts: which are available at once, if `before` does not tell.
        more: further columns, as `parent_id` and `depth`; instead of the line's own if it has them too.
    """
    said = [name for name in _SAID if name not in more]
    starts = starts or f"{before} = 0"
    return f"""
    INSERT INTO orchestration_step (run_id, position, predecessor_count, status, dispatches, dispatched_at,
        {", ".join([*said, *more, *_BLANK])})
    SELECT {run}, {first} + p.n, {before}, CASE WHEN {starts} THEN 'available' ELSE 'pending' END,
        CASE WHEN {starts} THEN 1 ELSE 0 END, CASE WHEN {starts} THEN clock_timestamp() END,
        {", ".join([*(f"p.{name}" for name in said), *more.values(), *_BLANK.values()])}
    FROM {source} ORDER BY p.n"""


def next_position(run: str) -> str:
    """Return the subquery whose `position` is the first free one in a run's plan."""
    return f"(SELECT max(position) + 1 AS position FROM orchestration_step WHERE run_id = {run})"


def begin_attempts(source: str) -> str:
    """Return the INSERT of the attempts of steps that were just claimed; `source` has their columns and `task_id`."""
    return f"""
    INSERT INTO orchestration_attempt
        (step_id, run_id, number, token, process_id, task_id, started_at, agent,
         failure_kind, error_class, error_message, traceback_tail)
    SELECT id, run_id, attempt, token, process_id, task_id, claimed_at, agent, '', '', '', ''
    FROM {source} RETURNING id, step_id"""


def hand_over(select: str) -> str:
    """Return the INSERT of hand-offs; `select` gives attempt, run, from, to, digest, tokens and time, and its FROM."""
    return f"""
    INSERT INTO orchestration_handoff (attempt_id, run_id, from_step_id, to_step_id, original_digest, digest,
        tokens_before, tokens_after, summarised_by, handed_at)
    SELECT h.attempt, h.run, h.giver, h.taker, h.digest, h.digest, h.tokens, h.tokens, '', h.at FROM ({select}) h"""
