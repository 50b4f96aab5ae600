"""From a message to the mailboxes that it is for: each sender's messages in their order, each once.

Subscriptions are read and their expressions (`rules.py`) evaluated before anything is locked; then the messages are
locked in their order, and the deliveries written and the messages marked with one statement. Safe to call any number
of times, by anybody.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction

from agents.domain.classification import describe_error
from agents.domain.outbox import MessageKind
from agents.domain.waiting import write_failed, write_value
from orchestration.actors.replies import answer_calls, refuse_asks
from orchestration.actors.rules import RULES_SECONDS, Heard, hear
from orchestration.actors.turns import start_turns
from orchestration.conf import get_conf
from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.dispatch import dispatch
from orchestration.domain.mail import DeliveryState
from orchestration.evaluation import Allowance
from orchestration.models import Message, Subscription
from orchestration.selectors.mail import is_full
from orchestration.transitions.answered import wake_answered

log = structlog.get_logger(__name__)
MOST_AT_ONCE: Final = 200
"""Messages that are routed in one transaction."""
FAR_FANNED: Final = 10_000
"""So many members of a topic, and the maintainer routes to them: whoever published has other work."""
PATIENCE_SECONDS: Final = 0.5
"""Of time, and of work for rules: then whoever sent has other work, and the maintainer other duties."""
_TOLD: Final = frozenset({MessageKind.ASK, MessageKind.REPLY})
"""Somebody waits for what becomes of them: that is written with it."""

_UNROUTED: Final = """
SELECT m.id, m.kind, m.topic_id, m.sender, m.to_name, m.to_key, m.body_json, m.is_failure, a.asked_by_id
FROM orchestration_message m LEFT JOIN orchestration_message a ON a.id = m.answers_id
WHERE m.project_id = %(project)s AND m.sender = %(sender)s AND m.routed_at IS NULL
  AND (m.due_at IS NULL OR m.due_at <= coalesce(%(until)s::timestamptz, clock_timestamp()))
ORDER BY m.id LIMIT %(limit)s
"""
# The rows are the lock: who comes second waits for the first, and then finds them routed. What is behind them of the
# same sender was sent later, and is read with them, so that nobody overtakes. Not `FOR UPDATE`: a reply refers to them.
_HELD: Final = """
SELECT m.id FROM orchestration_message m WHERE m.id = ANY(%(ids)s::bigint[]) AND m.routed_at IS NULL
ORDER BY m.id FOR NO KEY UPDATE"""
_TARGET: Final = {"message": "bigint", "name": "text", "key": "text"}
# One statement, so that messages of which nobody is told anything need no transaction around it. Actors are made in
# order, so that of two senders who make the same ones one waits for the other, and never both; one that was made
# meanwhile is not seen by this statement, but its conflict tells it. Who was made is found by grouping: nobody knows
# beforehand how many rows a part has, and a join of ten thousand with ten thousand might compare each with each.
_DELIVER: Final = f"""
WITH held AS MATERIALIZED ({_HELD}
), wanted AS MATERIALIZED (
    SELECT t.message, t.name, t.key FROM {read_lines("targets", _TARGET, "t")} JOIN held h ON h.id = t.message
    UNION
    SELECT m.id, s.name, s.key FROM held h JOIN orchestration_message m ON m.id = h.id
    JOIN orchestration_subscription s ON s.topic_id = m.topic_id AND s.key <> ''
), known AS MATERIALIZED (
    SELECT w.message, w.name, w.key, m.project_id, m.sender, m.sender_actor_id, a.id, a.stopped_at
    FROM wanted w JOIN orchestration_message m ON m.id = w.message
    LEFT JOIN orchestration_actor a ON a.project_id = m.project_id AND a.name = w.name AND a.key = w.key
), made AS (
    INSERT INTO orchestration_actor (project_id, name, key, made_by, made_by_actor_id, made_at)
    SELECT DISTINCT ON (k.name, k.key) k.project_id, k.name, k.key, k.sender, k.sender_actor_id, clock_timestamp()
    FROM known k WHERE k.id IS NULL ORDER BY k.name, k.key, k.message
    ON CONFLICT (project_id, name, key) DO UPDATE SET key = excluded.key RETURNING id, name, key, stopped_at
), receiver AS (
    SELECT k.message, k.id, k.stopped_at FROM known k WHERE k.id IS NOT NULL
    UNION ALL
    SELECT unnest(array_agg(g.message) FILTER (WHERE g.message IS NOT NULL)), max(g.id), max(g.stopped_at)
    FROM (SELECT k.name, k.key, k.message, NULL::bigint AS id, NULL::timestamptz AS stopped_at
          FROM known k WHERE k.id IS NULL
          UNION ALL SELECT n.name, n.key, NULL, n.id, n.stopped_at FROM made n) g
    GROUP BY g.name, g.key
), delivered AS (
    INSERT INTO orchestration_delivery (message_id, actor_id, state, reason, delivered_at, ended_at)
    SELECT r.message, r.id, CASE WHEN said.why = '' THEN 'queued' ELSE 'dead' END, said.why, clock_timestamp(),
        CASE WHEN said.why <> '' THEN clock_timestamp() END
    FROM receiver r CROSS JOIN LATERAL (SELECT CASE
        WHEN r.stopped_at IS NOT NULL THEN 'it is stopped'
        WHEN {is_full("r.id")} THEN 'its mailbox is full'
        ELSE '' END AS why) said
    ORDER BY r.message, r.id ON CONFLICT (message_id, actor_id) DO NOTHING RETURNING actor_id, message_id, state
), marked AS (
    UPDATE orchestration_message m SET routed_at = clock_timestamp(), refusal = coalesce(r.why, '')
    FROM held h LEFT JOIN {read_lines("refusals", {"message": "bigint", "why": "text"}, "r")} ON r.message = h.id
    WHERE m.id = h.id RETURNING m.id
)
SELECT actor_id, message_id, state FROM delivered UNION ALL SELECT NULL, id, 'routed' FROM marked
"""


@dataclass(slots=True)
class _Plan:
    """Where messages go, before anything is locked: by message, and why something goes nowhere."""

    targets: list[dict[str, Any]]
    refusals: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Written:
    """What was routed.

    Attributes: routed: how many messages.  actors: that got mail.  dead: messages that somebody does not take.
        woken: steps that were answered.  others: project and sender of what is to be routed too.
    """

    routed: int
    actors: Sequence[int]
    dead: Sequence[int]
    woken: Sequence[int] = ()
    others: Collection[tuple[int, str]] = ()


def route_of_run(run_id: UUID) -> None:
    """Route what the steps of a run have sent."""
    found = Message.objects.filter(run=run_id, routed_at__isnull=True).values_list("project_id", "sender")
    for project_id, sender in set(found):
        route(project_id, sender)


def pass_on(senders: Iterable[tuple[int, str]]) -> None:
    """Route what these have sent; what goes wrong is told and left to the maintainer: the messages are durable."""
    for project_id, sender in sorted(senders):
        try:
            route(project_id, sender)
        except Exception as error:  # noqa: BLE001 - as said above
            log.warning(
                "not_routed", sender=sender, error=describe_error(error), next="the maintainer routes"
            )


def route(project_id: int, sender: str, *, is_patient: bool = False, until: datetime | None = None) -> int:
    """Write the deliveries of a sender's messages that are due, answer who waits for a reply, and start turns.

    It ends after a while, however many there are: the maintainer goes on with those that are left.

    Args: is_patient: fan-outs to very many are done too, and rules that take long.
        until: what is due by then; None: what is due now.
    Returns: how many messages were routed.
    """
    done, left, ends_at = 0, Allowance(PATIENCE_SECONDS), time.monotonic() + PATIENCE_SECONDS
    asked = {"project": project_id, "sender": sender, "limit": MOST_AT_ONCE, "until": until}
    while batch := fetch_all(_UNROUTED, asked):
        is_far = _is_far_fanned(batch)
        if is_far:
            if not is_patient:
                break
            # A transaction of its own for each: with the others it could write millions of rows.
            batch = batch[:1]
        plan, count = _plan(batch, left, is_patient=is_patient)
        batch = batch[:count]
        if not batch:
            break
        written = _write(batch, plan)
        dispatch(wake_answered(list(written.woken)))
        start_turns(written.actors)
        for other in sorted(written.others):
            route(*other)
        done += written.routed
        # What is sent meanwhile is routed by whoever sends it. Who found others quicker looks once more.
        is_all = written.routed == count < MOST_AT_ONCE and not is_far
        if is_all or time.monotonic() >= ends_at or left.seconds <= 0:
            break
    return done


def _is_far_fanned(batch: Sequence[Any]) -> bool:
    topics = {row.topic_id for row in batch if row.topic_id is not None}
    members = Subscription.objects.filter(topic__in=topics).exclude(key="") if topics else None
    return members is not None and members[FAR_FANNED : FAR_FANNED + 1].exists()


def _write(batch: Sequence[Any], plan: _Plan) -> _Written:
    """Write deliveries and answers, of those messages that nobody else has routed meanwhile."""
    if not any(row.kind in _TOLD for row in batch):
        return _deliver([row.id for row in batch], plan)
    with transaction.atomic():
        held = {row.id for row in fetch_all(_HELD, {"ids": [row.id for row in batch]})}
        replies = [row for row in batch if row.kind == MessageKind.REPLY and row.id in held]
        answered = answer_calls(
            {row.asked_by_id: _describe_answer(row) for row in replies if row.asked_by_id}
        )
        late = "it came too late: whoever asked waits no more"
        plan.refusals |= {row.id: late for row in replies if row.asked_by_id not in answered}
        written = _deliver(sorted(held), plan)
        why = "its mailbox takes no messages: it is stopped or full"
        return replace(written, woken=tuple(answered.values()), others=refuse_asks(written.dead, why))


def _deliver(ids: list[int], plan: _Plan) -> _Written:
    refusals = [{"message": message, "why": why[:2000]} for message, why in plan.refusals.items()]
    values = {"targets": dump_line(plan.targets), "ids": ids, "refusals": dump_line(refusals)}
    rows = fetch_all(_DELIVER, values | {"most": get_conf().MAILBOX_LIMIT})
    delivered = [row for row in rows if row.state != "routed"]
    return _Written(
        routed=len(rows) - len(delivered),
        actors=sorted({row.actor_id for row in delivered}),
        dead=tuple(row.message_id for row in delivered if row.state == DeliveryState.DEAD),
    )


def _describe_answer(row: Any) -> str:
    if row.is_failure:
        said = json.loads(row.body_json)
        return write_failed(said["reason"], said.get("code"))
    return write_value(row.body_json)


def _plan(batch: Sequence[Any], left: Allowance, *, is_patient: bool) -> tuple[_Plan, int]:
    """Return where messages go, and for how many of them, from the first, that was found out before work was over.

    Who is patient finds it out for one message at least; what its rules would need beyond their limit is refused.
    """
    topics = {row.topic_id for row in batch if row.topic_id is not None}
    rules: dict[int, list[Subscription]] = {}
    if topics:
        for rule in Subscription.objects.filter(topic__in=topics, key="").order_by("pk"):
            rules.setdefault(rule.topic_id, []).append(rule)
    plan = _Plan([], {})
    for count, row in enumerate(batch):
        if rules and left.seconds <= 0 and (count or not is_patient):
            return plan, count
        allowance = Allowance(RULES_SECONDS) if is_patient else left
        heard = hear(rules.get(row.topic_id, ()), row.body_json, row.sender, allowance)
        if is_patient:
            left.spend(RULES_SECONDS - allowance.seconds)
        elif heard.unasked:
            return plan, count
        _add(plan, row, heard)
    return plan, len(batch)


def _add(plan: _Plan, row: Any, heard: Heard) -> None:
    found = [(row.to_name, row.to_key)] if row.to_name else heard.targets
    plan.targets += [{"message": row.id, "name": name, "key": key} for name, key in found]
    why = heard.tell()
    if why:
        plan.refusals[row.id] = why
