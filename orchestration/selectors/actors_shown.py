"""How actors stand, and their mail, as people look at it: scoped, a slice at a time, without what is not theirs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, CharField, Exists, OuterRef, Prefetch, Q, QuerySet, Value, When

from orchestration.conf import get_conf
from orchestration.database.statements import fetch_all
from orchestration.domain.mail import ActorLife, DeliveryState
from orchestration.domain.states import LIVE_RUN, StepStatus
from orchestration.domain.words import LIVE
from orchestration.models import Actor, Delivery, Message, Run, Step, Subscription, Topic
from orchestration.ports import load_escalator
from orchestration.selectors.scope import Caller, scope_rows
from orchestration.selectors.withheld import RESTRICTED, withhold

MOST_COUNTED: Final = 1_000
"""Rows of a mailbox that are counted; beyond, there are "more"."""
MOST_MAKERS: Final = 20
_MOVING: Final = (StepStatus.AVAILABLE, StepStatus.RUNNING, StepStatus.RETRYABLE)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an actor stands.

    Attributes: run_id: its live turn, if it has one that is not parked.  queued, dead: as far as they are counted.
        last_turn_at: when its latest turn began.  unsettled: a turn that has ended, of which nobody was told yet.
    """

    life: ActorLife
    run_id: UUID | None
    queued: int
    dead: int
    last_turn_at: datetime | None
    unsettled: UUID | None


# A step of a live turn that may go on without anybody makes it running; one that a person must see to makes it held.
_STANDINGS: Final = f"""
SELECT a.id, a.life, a.run_id, q.number AS queued, d.number AS dead, l.created_at AS last_turn_at, u.id AS unsettled
FROM (SELECT x.id, live.id AS run_id, CASE WHEN x.stopped_at IS NOT NULL THEN 'stopped' WHEN live.id IS NULL THEN 'idle'
        WHEN EXISTS (SELECT 1 FROM orchestration_step s WHERE s.run_id = live.id AND s.status = 'held') THEN 'held'
        WHEN NOT EXISTS (SELECT 1 FROM orchestration_step s WHERE s.run_id = live.id
            AND s.status IN ('available', 'running', 'retryable'))
          AND EXISTS (SELECT 1 FROM orchestration_step s WHERE s.run_id = live.id AND s.status = 'waiting')
        THEN 'waiting' ELSE 'running' END AS life
      FROM orchestration_actor x LEFT JOIN LATERAL (SELECT r.id FROM orchestration_run r
        WHERE r.actor_id = x.id AND NOT r.is_parked AND r.status IN {LIVE} LIMIT 1) live ON true
      WHERE x.id = ANY(%(actors)s::bigint[])) a
CROSS JOIN LATERAL (SELECT count(*) AS number FROM (SELECT 1 FROM orchestration_delivery y
    WHERE y.actor_id = a.id AND y.state = 'queued' LIMIT %(most)s) c) q
CROSS JOIN LATERAL (SELECT count(*) AS number FROM (SELECT 1 FROM orchestration_delivery y
    WHERE y.actor_id = a.id AND y.state = 'dead' LIMIT %(most)s) c) d
LEFT JOIN LATERAL (SELECT r.created_at FROM orchestration_run r WHERE r.actor_id = a.id
    ORDER BY r.created_at DESC LIMIT 1) l ON true
LEFT JOIN LATERAL (SELECT r.id FROM orchestration_run r WHERE r.actor_id = a.id AND r.untold AND NOT r.is_parked
    AND r.status NOT IN {LIVE} LIMIT 1) u ON true
"""
_MAKERS: Final = """
WITH RECURSIVE above(id, made_by_actor_id, far) AS (
    SELECT a.id, a.made_by_actor_id, 0 FROM orchestration_actor a WHERE a.id = %(actor)s
    UNION ALL SELECT m.id, m.made_by_actor_id, far + 1 FROM above JOIN orchestration_actor m
        ON m.id = above.made_by_actor_id WHERE far < %(most)s
) SELECT id FROM above WHERE far > 0 ORDER BY far DESC
"""


def find_standings(actor_ids: Collection[int]) -> dict[int, Standing]:
    """Return how each of these actors stands, in one query."""
    rows = fetch_all(_STANDINGS, {"actors": list(actor_ids), "most": MOST_COUNTED + 1}) if actor_ids else []
    return {
        row.id: Standing(
            ActorLife(row.life), row.run_id, row.queued, row.dead, row.last_turn_at, row.unsettled
        )
        for row in rows
    }


def with_life(actors: QuerySet[Actor]) -> QuerySet[Any]:
    """Add `life` to actors: the word that `find_standings` has for them."""
    live = Run.objects.filter(
        actor=OuterRef("pk"), is_parked=False, status__in=[str(status) for status in LIVE_RUN]
    )
    steps = Step.objects.filter(run=OuterRef("pk"))
    is_moving = Exists(steps.filter(status__in=_MOVING))
    waits = live.filter(~is_moving & Exists(steps.filter(status=StepStatus.WAITING)))
    return actors.annotate(
        life=Case(
            When(stopped_at__isnull=False, then=Value(ActorLife.STOPPED.value)),
            When(~Exists(live), then=Value(ActorLife.IDLE.value)),
            When(
                Exists(live.filter(Exists(steps.filter(status=StepStatus.HELD)))),
                then=Value(ActorLife.HELD.value),
            ),
            When(Exists(waits), then=Value(ActorLife.WAITING.value)),
            default=Value(ActorLife.RUNNING.value),
            output_field=CharField(),
        )
    )


def narrow_to_life(actors: QuerySet[Actor], life: str) -> QuerySet[Actor]:
    """Return those of some actors that stand so; of those with a live turn an index knows."""
    if life == ActorLife.STOPPED:
        return actors.filter(stopped_at__isnull=False)
    if life == ActorLife.IDLE:
        return with_life(actors.filter(stopped_at__isnull=True)).filter(life=life)
    busy = Run.objects.filter(
        actor__isnull=False, is_parked=False, status__in=[str(status) for status in LIVE_RUN]
    )
    return with_life(actors.filter(pk__in=busy.order_by().values("actor"))).filter(life=life)


def scope_actors(caller: Caller) -> QuerySet[Actor]:
    """Return the actors that a caller may see."""
    return scope_rows(caller, Actor.objects.select_related("project"))


def scope_messages(caller: Caller) -> QuerySet[Message]:
    """Return the messages that a caller may see."""
    return scope_rows(caller, Message.objects.select_related("topic"))


def scope_topics(caller: Caller) -> QuerySet[Topic]:
    """Return the topics that a caller may see."""
    return scope_rows(caller, Topic.objects.select_related("project"))


def scope_dead_letters(caller: Caller) -> QuerySet[Delivery]:
    """Return the dead letters that a caller may see, with what is needed to name them."""
    rows = Delivery.objects.filter(state=DeliveryState.DEAD)
    return scope_rows(caller, rows.select_related("actor__project", "message__topic"), "actor__project")


def list_mailbox(actor_id: int, state: DeliveryState) -> QuerySet[Delivery]:
    """Return what is so in an actor's mailbox: what waits in the order of reading, else the latest first."""
    rows = Delivery.objects.filter(actor=actor_id, state=state).select_related("message__topic")
    return rows.order_by("message" if state == DeliveryState.QUEUED else "-message")


def list_received(actor_id: int) -> QuerySet[Delivery]:
    """Return all that came to an actor, the latest first."""
    return Delivery.objects.filter(actor=actor_id).select_related("message__topic").order_by("-message")


def list_sent(actor: Actor) -> QuerySet[Message]:
    """Return what an actor sent, the latest first."""
    sent = Message.objects.filter(project=actor.project_id, sender=actor.address)
    return sent.select_related("topic").order_by("-sent_at", "-id")


def list_turns(actor_id: int) -> QuerySet[Run]:
    """Return an actor's turns, the latest first, without their inputs."""
    return Run.objects.filter(actor=actor_id).defer("input_json").order_by("-created_at")


def list_made(actor_id: int) -> QuerySet[Actor]:
    """Return the actors that came to be by a message of this one, in the order of their making."""
    return Actor.objects.filter(made_by_actor=actor_id).order_by("pk")


def find_makers(actor: Actor) -> list[Actor]:
    """Return who made an actor, and who made that one, and so on, the first one first."""
    ids = [row.id for row in fetch_all(_MAKERS, {"actor": actor.pk, "most": MOST_MAKERS})]
    found = Actor.objects.in_bulk(ids)
    return [found[number] for number in ids if number in found]


def list_mail_of_run(run_id: UUID) -> tuple[QuerySet[Delivery], QuerySet[Message]]:
    """Return what a turn was given, and what the steps of a run have sent, in their orders."""
    given = Delivery.objects.filter(run=run_id).select_related("message__topic", "actor").order_by("message")
    sent = Message.objects.filter(run=run_id).select_related("topic", "step").order_by("pk")
    return given, sent


def list_mail_of_step(step_id: int, run_id: UUID) -> QuerySet[Message]:
    """Return what a step has sent, in its order."""
    # Of a run's messages an index knows, of a step's none.
    return Message.objects.filter(run=run_id, step=step_id).select_related("topic").order_by("pk")


def load_whole(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Add what a message's page shows: whence it came, its deliveries and its replies."""
    deliveries = Delivery.objects.select_related("actor").order_by("pk")
    return messages.select_related("topic", "step", "project", "answers__topic").prefetch_related(
        Prefetch("deliveries", deliveries), Prefetch("replies", Message.objects.order_by("pk"))
    )


def list_subscribers(topic_id: int) -> QuerySet[Subscription]:
    """Return who hears a topic: rules first, then members."""
    return Subscription.objects.filter(topic=topic_id).order_by("key", "name", "pk")


def withhold_bodies(messages: Sequence[Message], user_id: int | None) -> dict[int, str]:
    """Return why the bodies of messages are not shown to somebody, by the message's id; the rest may be, and is told.

    A message is its step's answer as much as what the step puts out; one without a step is what a whole turn put out.
    """
    of_steps: dict[int, list[str | None]] = {}
    for message in messages:
        if message.step_id is not None:
            of_steps.setdefault(message.step_id, []).append(message.body_json)
    hidden = withhold(of_steps, user_id)
    whole = {message.run_id for message in messages if message.step_id is None and message.run_id is not None}
    runs = load_escalator(get_conf().ESCALATOR).find_hidden_runs(whole, user_id) if whole else frozenset()
    why = {
        message.pk: RESTRICTED for message in messages if message.step_id is None and message.run_id in runs
    }
    return why | {
        message.pk: hidden[message.step_id]
        for message in messages
        if message.step_id is not None and message.step_id in hidden
    }


def withhold_answers(call_ids: Collection[int], user_id: int | None) -> dict[int, str]:
    """Return why what these calls were answered is not shown to somebody, by the call's id: it is another's answer."""
    if not call_ids:
        return {}
    answers = list(Message.objects.filter(answers__asked_by__in=call_ids).select_related("answers"))
    hidden = withhold_bodies(answers, user_id)
    return {
        each.answers.asked_by_id: hidden[each.pk]
        for each in answers
        if each.pk in hidden and each.answers is not None and each.answers.asked_by_id is not None
    }


def covers(term: str) -> Q:
    """Return which actors' addresses begin so: by a part of the name, the whole of it, or `name/key`."""
    name, slash, key = term.strip().replace("\x00", " ").partition("/")
    return Q(name=name, key__startswith=key) if slash else Q(name__startswith=name) | Q(key=name)
