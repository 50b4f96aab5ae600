"""From mail to a turn: the batch that an actor gets next, and the run that is this turn.

Whoever starts a turn holds the actor's row, so that of two at once one starts it and the other finds it started; the
database's unique index over live turns stands behind that.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import structlog
from django.db import transaction

from agents.domain.classification import describe_error
from agents.domain.keeping import STATE_KEY
from orchestration.actors.replies import refuse_asks
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.dispatch import dispatch
from orchestration.domain.mail import Turn
from orchestration.domain.rows import TURN
from orchestration.domain.words import LIVE
from orchestration.errors import InputInvalid
from orchestration.models import Workflow
from orchestration.planning import describe_new_run, load_plan, load_version
from orchestration.selectors.mail import behaves_as
from orchestration.transitions.start import insert_run

log = structlog.get_logger(__name__)
MOST_STARTED: Final = 50
"""Turns that one sender starts itself; the maintainer starts the rest."""
_MOST_BURIED: Final = 20
"""Batches that its behaviour does not take, before others have their turn."""
_ENVELOPE_BYTES: Final = 1_024
"""What a message takes in a turn's input beside its body, at most."""

_LOCK: Final = """
SELECT id, project_id, name, key, turns, stopped_at IS NOT NULL AS is_stopped FROM orchestration_actor
WHERE id = %(actor)s FOR NO KEY UPDATE
"""
# One that has ended and was not settled still owes its answers: who settles it starts the next one.
_IS_BUSY: Final = f"""EXISTS (SELECT 1 FROM orchestration_run r WHERE r.actor_id = a.id AND NOT r.is_parked
    AND (r.status IN {LIVE} OR r.untold))"""
_HAS_MAIL: Final = (
    "EXISTS (SELECT 1 FROM orchestration_delivery d WHERE d.actor_id = a.id AND d.state = 'queued')"
)
# Looked at without a lock, after a commit that may have made it so: whoever made it busy looks after its own.
_STARTABLE: Final = f"""
SELECT a.id FROM orchestration_actor a
WHERE a.id = ANY(%(actors)s::bigint[]) AND {_HAS_MAIL} AND (a.stopped_at IS NOT NULL OR NOT {_IS_BUSY}) ORDER BY a.id
"""
# Of several workflows the newest that has the name. The turn before is over, and what it kept is written: that is what
# the next one sees, whoever writes meanwhile.
_LOOK: Final = f"""
SELECT {_IS_BUSY} AS is_busy, {_HAS_MAIL} AS has_mail, w.id AS workflow, w.digest, coalesce((
    SELECT m.version FROM orchestration_memory m WHERE m.project_id = a.project_id AND m.scope = 'actor'
    AND m.scope_id = a.name || '/' || a.key AND m.key = %(key)s AND m.replaced_by IS NULL), 0) AS state_version
FROM orchestration_actor a LEFT JOIN LATERAL (
    SELECT w.id, w.digest FROM {behaves_as("a.project_id", "a.name")} ORDER BY w.id DESC LIMIT 1) w ON true
WHERE a.id = %(actor)s
"""
_QUEUED: Final = """
SELECT d.id AS delivery, m.id, m.kind, m.body_json, m.sender, t.name AS topic, m.asked_by_id IS NOT NULL AS asks,
    m.sent_at, m.requested_by_id
FROM orchestration_delivery d JOIN orchestration_message m ON m.id = d.message_id
LEFT JOIN orchestration_topic t ON t.id = m.topic_id
WHERE d.actor_id = %(actor)s AND d.state = 'queued' ORDER BY d.message_id LIMIT %(limit)s
"""
_TAKE: Final = """
WITH taken AS (
    UPDATE orchestration_delivery SET state = 'taken', run_id = %(run)s, turn = %(turn)s, taken_at = clock_timestamp()
    WHERE id = ANY(%(deliveries)s::bigint[])
)
UPDATE orchestration_actor SET turns = %(turn)s WHERE id = %(actor)s RETURNING id
"""
_BURY: Final = """
UPDATE orchestration_delivery SET state = 'dead', reason = %(reason)s, ended_at = clock_timestamp()
WHERE id = ANY(%(deliveries)s::bigint[]) RETURNING message_id
"""
_QUEUED_IDS: Final = """
SELECT id AS delivery FROM orchestration_delivery WHERE actor_id = %(actor)s AND state = 'queued' ORDER BY message_id
"""


def start_turns(actors: Iterable[int]) -> int:
    """Start the next turn of each of these actors that can have one, and dispatch it; return how many.

    Called after the commit that gave them mail, or ended their turn. What goes wrong with one of them is told and left
    to the maintainer.
    """
    begun = []
    for row in fetch_all(_STARTABLE, {"actors": list(islice(actors, MOST_STARTED))}):
        try:
            begun.append(start_turn(row.id))
        except Exception as error:  # noqa: BLE001 - one must not keep the others from starting
            log.warning(
                "turn_not_started", actor=row.id, error=describe_error(error), next="the maintainer tries"
            )
    turns = [turn for turn in begun if turn is not None]
    if turns:
        dispatch([step for turn in turns for step in turn.available])
    return len(turns)


def start_turn(actor_id: int) -> Turn | None:
    """Begin the next turn of an actor; None: it has one, or no mail, or is stopped, or nobody behaves as it."""
    with transaction.atomic():
        return begin_next(lock_actor(actor_id))


def begin_next(actor: Any) -> Turn | None:
    """As `start_turn`, of an actor that the caller has locked, in the caller's transaction."""
    if actor.is_stopped:
        bury_queued(actor.id, "it is stopped")
        return None
    seen = fetch_one(_LOOK, {"actor": actor.id, "key": STATE_KEY})
    if seen.is_busy or not seen.has_mail or seen.workflow is None:
        return None
    version = load_version(seen.workflow, seen.digest, actor.project_id)
    spec, _ = load_plan(version.pk, version.digest)
    for _ in range(_MOST_BURIED):
        batch = _choose_batch(actor.id, spec.mailbox)
        turn = _begin(actor, version, batch, seen.state_version) if batch else None
        if turn is not None or not batch:
            return turn
    return None


def lock_actor(actor_id: int) -> Any:
    """Lock an actor's row until the transaction ends."""
    return fetch_one(_LOCK, {"actor": actor_id})


def _choose_batch(actor_id: int, most: int) -> list[Any]:
    """Return the oldest messages in a mailbox, as many as a turn gets and its run's input may hold."""
    rows = fetch_all(_QUEUED, {"actor": actor_id, "limit": most})
    left = get_conf().MAX_INPUT_BYTES - _ENVELOPE_BYTES
    batch: list[Any] = []
    for row in rows:
        left -= len(row.body_json.encode()) + _ENVELOPE_BYTES
        if batch and left < 0:
            break
        batch.append(row)
    return batch


def _begin(actor: Any, version: Workflow, batch: Sequence[Any], state_version: int) -> Turn | None:
    number = actor.turns + 1
    requested_by = next((row.requested_by_id for row in batch if row.requested_by_id is not None), None)
    said = {
        "address": f"{actor.name}/{actor.key}",
        "messages": [_show(row) for row in batch],
        "state_version": state_version,
    }
    deliveries = [row.delivery for row in batch]
    try:
        new = describe_new_run(
            version,
            said,
            idempotency_key=f"{TURN}{actor.id}.{number}",
            requested_by_id=requested_by,
        )
    except InputInvalid as error:
        bury(deliveries, f"its behaviour '{version.name}' does not take it: {error}")
        return None
    inserted = insert_run(replace(new, actor_id=actor.id))
    if inserted is None:
        raise RuntimeError(f"turn {number} of actor {actor.id} was begun already")
    run_id, available = inserted
    fetch_one(_TAKE, {"run": run_id, "turn": number, "deliveries": deliveries, "actor": actor.id})
    return Turn(run_id, number, tuple(available))


def _show(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "body": json.loads(row.body_json),
        "from": row.sender,
        "topic": row.topic,
        "asks": row.asks,
        "sent_at": row.sent_at.isoformat(),
    }


def bury(deliveries: Sequence[int], reason: str) -> set[tuple[int, str]]:
    """Make dead letters of deliveries, and say so to who asked; return whose messages are to be routed then."""
    rows = fetch_all(_BURY, {"deliveries": list(deliveries), "reason": reason[:2000]})
    return refuse_asks([row.message_id for row in rows], reason)


def bury_queued(actor_id: int, reason: str) -> set[tuple[int, str]]:
    """Make dead letters of all that waits in a mailbox, as `bury`."""
    found = [row.delivery for row in fetch_all(_QUEUED_IDS, {"actor": actor_id})]
    return bury(found, reason) if found else set()
