"""From a message to the mailboxes that it is for: each sender's messages in their order, each once.

Subscriptions are read and their expressions evaluated before anything is locked; then, under a lock of the sender, the
deliveries are written and the messages marked, in one transaction. Safe to call any number of times, by anybody.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction

from agents.domain.addresses import is_key
from agents.domain.classification import describe_error
from agents.domain.outbox import MessageKind
from agents.domain.waiting import write_failed, write_value
from orchestration.actors.replies import answer_calls, refuse_asks
from orchestration.actors.turns import start_turns
from orchestration.conf import get_conf
from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.dispatch import dispatch
from orchestration.domain.expressions import ExpressionFailed
from orchestration.evaluation import evaluate
from orchestration.models import Message, Subscription
from orchestration.transitions.answered import wake_answered

log = structlog.get_logger(__name__)
MOST_AT_ONCE: Final = 200
"""Messages that are routed in one transaction."""
FAR_FANNED: Final = 10_000
"""So many members of a topic, and the maintainer routes to them: whoever published has other work."""

_UNROUTED: Final = """
SELECT m.id, m.kind, m.topic_id, m.sender, m.to_name, m.to_key, m.body_json, m.is_failure, a.asked_by_id
FROM orchestration_message m LEFT JOIN orchestration_message a ON a.id = m.answers_id
WHERE m.project_id = %(project)s AND m.sender = %(sender)s AND m.routed_at IS NULL
  AND (m.due_at IS NULL OR m.due_at <= clock_timestamp())
ORDER BY m.id LIMIT %(limit)s
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 4711)) IS NOT NULL AS it"
_STILL: Final = "SELECT id FROM orchestration_message WHERE id = ANY(%(ids)s::bigint[]) AND routed_at IS NULL"
_TARGET: Final = {"message": "bigint", "name": "text", "key": "text"}
_WANTED: Final = f"""
    SELECT t.message, t.name, t.key FROM {read_lines("targets", _TARGET, "t")}
    UNION
    SELECT m.id, s.name, s.key FROM orchestration_message m
    JOIN orchestration_subscription s ON s.topic_id = m.topic_id AND s.key <> ''
    WHERE m.id = ANY(%(ids)s::bigint[])"""
# In order, so that of two senders who make the same actors one waits for the other, and never both.
_MAKE_ACTORS: Final = f"""
INSERT INTO orchestration_actor (project_id, name, key, made_by, made_by_actor_id, made_at)
SELECT DISTINCT ON (w.name, w.key) m.project_id, w.name, w.key, m.sender, m.sender_actor_id, clock_timestamp()
FROM ({_WANTED}) w JOIN orchestration_message m ON m.id = w.message
WHERE NOT EXISTS (SELECT 1 FROM orchestration_actor a
    WHERE a.project_id = m.project_id AND a.name = w.name AND a.key = w.key)
ORDER BY w.name, w.key, w.message ON CONFLICT (project_id, name, key) DO NOTHING RETURNING id
"""
_DELIVER: Final = f"""
INSERT INTO orchestration_delivery (message_id, actor_id, state, reason, delivered_at, ended_at)
SELECT m.id, a.id, CASE WHEN said.why = '' THEN 'queued' ELSE 'dead' END, said.why, clock_timestamp(),
    CASE WHEN said.why <> '' THEN clock_timestamp() END
FROM ({_WANTED}) w JOIN orchestration_message m ON m.id = w.message
JOIN orchestration_actor a ON a.project_id = m.project_id AND a.name = w.name AND a.key = w.key
CROSS JOIN LATERAL (SELECT CASE
    WHEN a.stopped_at IS NOT NULL THEN 'it is stopped'
    WHEN (SELECT count(*) FROM (SELECT 1 FROM orchestration_delivery d
          WHERE d.actor_id = a.id AND d.state = 'queued' LIMIT %(most)s) q) >= %(most)s THEN 'its mailbox is full'
    ELSE '' END AS why) said
ORDER BY m.id, a.id ON CONFLICT (message_id, actor_id) DO NOTHING RETURNING actor_id, message_id, state
"""
_MARK: Final = f"""
UPDATE orchestration_message m SET routed_at = clock_timestamp(), refusal = coalesce(r.why, '')
FROM unnest(%(ids)s::bigint[]) AS w(id)
LEFT JOIN {read_lines("refusals", {"message": "bigint", "why": "text"}, "r")} ON r.message = w.id
WHERE m.id = w.id RETURNING m.id
"""


@dataclass(slots=True)
class _Plan:
    """Where messages go, before anything is locked: by message, and why something goes nowhere."""

    targets: list[dict[str, Any]]
    refusals: dict[int, str]


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


def route(project_id: int, sender: str, *, is_patient: bool = False) -> int:
    """Write the deliveries of a sender's messages that are due, answer who waits for a reply, and start turns.

    Args: is_patient: fan-outs to very many are done too.
    Returns: how many messages were routed.
    """
    done = 0
    while batch := fetch_all(_UNROUTED, {"project": project_id, "sender": sender, "limit": MOST_AT_ONCE}):
        if _is_far_fanned(batch):
            if not is_patient:
                break
            # A transaction of its own for each: with the others it could write millions of rows.
            batch = batch[:1]
        plan = _plan(batch)
        with transaction.atomic():
            fetch_one(_LOCK, {"name": f"{project_id}:{sender}"})
            ids = [row.id for row in batch]
            if len(fetch_all(_STILL, {"ids": ids})) < len(ids):
                continue  # somebody else was quicker with some of them
            woken, actors, others = _write(batch, ids, plan)
        dispatch(wake_answered(woken))
        start_turns(actors)
        for other in sorted(others):
            route(*other)
        done += len(batch)
    return done


def _is_far_fanned(batch: Sequence[Any]) -> bool:
    topics = {row.topic_id for row in batch if row.topic_id is not None}
    members = Subscription.objects.filter(topic__in=topics).exclude(key="") if topics else None
    return members is not None and members[FAR_FANNED : FAR_FANNED + 1].exists()


def _write(
    batch: Sequence[Any], ids: list[int], plan: _Plan
) -> tuple[list[int], list[int], set[tuple[int, str]]]:
    """Write deliveries and answers.

    Returns: the steps that were answered, the actors that got mail, and who else has something to be routed.
    """
    replies = [row for row in batch if row.kind == MessageKind.REPLY]
    answered = answer_calls({row.asked_by_id: _describe_answer(row) for row in replies if row.asked_by_id})
    late = "it came too late: whoever asked waits no more"
    plan.refusals |= {row.id: late for row in replies if row.asked_by_id not in answered}
    values = {"targets": dump_line(plan.targets), "ids": ids}
    fetch_all(_MAKE_ACTORS, values)
    delivered = fetch_all(_DELIVER, values | {"most": get_conf().MAILBOX_LIMIT})
    dead = [(row.actor_id, row.message_id) for row in delivered if row.state == "dead"]
    others = refuse_asks(
        [message for _, message in dead], "its mailbox takes no messages: it is stopped or full"
    )
    refusals = [{"message": message, "why": why[:2000]} for message, why in plan.refusals.items()]
    fetch_all(_MARK, {"ids": ids, "refusals": dump_line(refusals)})
    return list(answered.values()), sorted({row.actor_id for row in delivered}), others


def _describe_answer(row: Any) -> str:
    if row.is_failure:
        said = json.loads(row.body_json)
        return write_failed(said["reason"], said.get("code"))
    return write_value(row.body_json)


def _plan(batch: Sequence[Any]) -> _Plan:
    topics = {row.topic_id for row in batch if row.topic_id is not None}
    rules: dict[int, list[Subscription]] = {}
    if topics:
        for rule in Subscription.objects.filter(topic__in=topics, key="").order_by("pk"):
            rules.setdefault(rule.topic_id, []).append(rule)
    plan = _Plan([], {})
    for row in batch:
        if row.to_name:
            plan.targets.append({"message": row.id, "name": row.to_name, "key": row.to_key})
        for rule in rules.get(row.topic_id, ()):
            _apply(rule, row, plan)
    return plan


def _apply(rule: Subscription, row: Any, plan: _Plan) -> None:
    """Add whom a rule says that a message is for; what can't be told is written down, with why."""
    values = {"body": json.loads(row.body_json), "sender": row.sender}
    try:
        if rule.where and evaluate(rule.where, values) is not True:
            return
        key = evaluate(rule.key_from, values)
    except ExpressionFailed as error:
        plan.refusals[row.id] = f"{plan.refusals.get(row.id, '')}subscription of {rule.name}: {error}\n"
        return
    if key is None:
        return
    text = key if isinstance(key, str) else json.dumps(key)
    if not isinstance(key, str | int) or isinstance(key, bool) or not is_key(text):
        why = f"subscription of {rule.name}: {rule.key_from} gave {text:.100}, which is no key\n"
        plan.refusals[row.id] = plan.refusals.get(row.id, "") + why
        return
    plan.targets.append({"message": row.id, "name": rule.name, "key": text})
