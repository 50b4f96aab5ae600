"""How actors do, who made whom, and what somebody may see of their mail. Read next: `orchestration/actors/`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django_stubs_ext import WithAnnotations

from agents.domain.redaction import redact_json
from orchestration.database.statements import fetch_all
from orchestration.domain.mail import DeliveryState, Life
from orchestration.domain.rights import Right
from orchestration.domain.states import LIVE_RUN, RunStatus, StepStatus
from orchestration.errors import (
    ActorNotFound,
    DeliveryNotFound,
    MailNotFound,
    SubscriptionNotFound,
    TopicNotFound,
)
from orchestration.models import Actor, Delivery, Message, Run, Step, Subscription, Topic
from orchestration.selectors.scope import Caller, require, scope_rows
from orchestration.selectors.withheld import find_hidden_senders, withhold

MOST_FAMILY: Final = 200
"""Actors that are shown below one."""
_MOVING = (StepStatus.AVAILABLE, StepStatus.RUNNING, StepStatus.RETRYABLE)


class State(TypedDict):
    """What `with_life` adds to an actor. `turn_id`: of the run that is its live turn."""

    life: str
    turn_id: UUID | None
    queued: int
    dead: int


if TYPE_CHECKING:
    ActorWithLife = WithAnnotations[Actor, State]
else:
    ActorWithLife = Actor


@dataclass(frozen=True, slots=True)
class Relative:
    """An actor above or below another. `depth`: 0 is that one itself, its maker -1, whom it made 1."""

    id: int
    address: str
    depth: int
    is_stopped: bool


class Body(NamedTuple):
    """What a message says, without secrets. Attributes: value: None, too, when hidden.  hidden: why; "" when not."""

    value: Any
    hidden: str


def with_life(actors: QuerySet[Actor]) -> QuerySet[ActorWithLife]:
    """Add to actors how they do, their live turn, and how many messages wait or are dead letters; no query per row."""
    live = Run.objects.filter(actor=OuterRef("pk"), is_parked=False, status__in=LIVE_RUN).order_by()
    found = actors.annotate(
        turn_id=Subquery(live.values("pk")[:1]),
        queued=_count(DeliveryState.QUEUED),
        dead=_count(DeliveryState.DEAD),
    )
    steps = Step.objects.filter(run__root_id=OuterRef("turn_id"))
    moving = Exists(steps.filter(status__in=_MOVING).exclude(run__status=RunStatus.PAUSED))
    paused = Exists(Run.objects.filter(pk=OuterRef("turn_id"), status=RunStatus.PAUSED))
    return found.annotate(
        life=Case(
            When(stopped_at__isnull=False, then=Value(Life.STOPPED.value)),
            When(turn_id__isnull=True, then=Value(Life.IDLE.value)),
            When(moving, then=Value(Life.RUNNING.value)),
            When(Exists(steps.filter(status=StepStatus.HELD)), then=Value(Life.HELD.value)),
            When(paused | Exists(steps.filter(status=StepStatus.WAITING)), then=Value(Life.WAITING.value)),
            default=Value(Life.RUNNING.value),
            output_field=CharField(),
        )
    )


def _count(state: DeliveryState) -> Coalesce:
    rows = Delivery.objects.filter(actor=OuterRef("pk"), state=state).order_by().values("actor")
    counted = rows.annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def narrow_to_life(actors: QuerySet[ActorWithLife], life: str) -> QuerySet[ActorWithLife]:
    """Return those of actors `with_life` that do so; the few with a live turn are found by that."""
    if life in {Life.RUNNING, Life.WAITING, Life.HELD}:
        turns = Run.objects.filter(actor__isnull=False, is_parked=False, status__in=LIVE_RUN)
        actors = actors.filter(pk__in=turns.order_by().values("actor"))
    return actors.filter(life=life)


def list_actors(caller: Caller) -> QuerySet[ActorWithLife]:
    """Return the actors that somebody may see, with their life."""
    return with_life(scope_rows(caller, Actor.objects.select_related("project")))


def find_actor(caller: Caller, actor_id: int, right: Right = Right.VIEW) -> ActorWithLife:
    """Return an actor that the caller may see and do this with, with its life.

    Raises: ActorNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    found = list_actors(caller).filter(pk=actor_id).first()
    if found is None:
        raise ActorNotFound(f"no actor {actor_id}; the list of actors shows those you may see")
    require(caller, found.project, right)
    return found


_FAMILY: Final = """
WITH RECURSIVE up(id, depth) AS (
    SELECT a.made_by_actor_id, -1 FROM orchestration_actor a WHERE a.id = %(actor)s AND a.made_by_actor_id IS NOT NULL
    UNION ALL SELECT a.made_by_actor_id, u.depth - 1 FROM up u JOIN orchestration_actor a ON a.id = u.id
    WHERE a.made_by_actor_id IS NOT NULL AND u.depth > -%(most)s::integer
), down(id, depth, way) AS (
    SELECT %(actor)s::bigint, 0, ARRAY[%(actor)s::bigint]
    UNION ALL SELECT a.id, d.depth + 1, d.way || a.id FROM down d
    JOIN orchestration_actor a ON a.made_by_actor_id = d.id WHERE d.depth < %(most)s::integer
), family(id, depth, way) AS (
    SELECT id, depth, ARRAY[]::bigint[] FROM up
    UNION ALL SELECT * FROM (SELECT id, depth, way FROM down ORDER BY way LIMIT %(most)s::integer + 1) below
)
SELECT a.id, a.name || '/' || a.key AS address, f.depth, a.stopped_at IS NOT NULL AS is_stopped
FROM family f JOIN orchestration_actor a ON a.id = f.id
ORDER BY CASE WHEN f.depth < 0 THEN f.depth ELSE 0 END, f.way
"""


def list_family(actor_id: int) -> list[Relative]:
    """Return who made an actor, the first of all first, itself, and whom it made, each before whom that one made.

    Of those it made, directly or not, at most MOST_FAMILY.
    """
    rows = fetch_all(_FAMILY, {"actor": actor_id, "most": MOST_FAMILY})
    return [Relative(row.id, row.address, row.depth, row.is_stopped) for row in rows]


def list_deliveries(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return deliveries with what a list shows of their messages, without what those say."""
    found = rows.select_related("message__topic", "actor__project")
    return found.defer("message__body_json", "message__chain")


def find_delivery(caller: Caller, delivery_id: int, right: Right) -> Delivery:
    """Return a delivery that the caller may see and do this with.

    Raises: DeliveryNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    rows = scope_rows(caller, list_deliveries(Delivery.objects.all()), "actor__project")
    found = rows.filter(pk=delivery_id).first()
    if found is None:
        raise DeliveryNotFound(f"no delivery {delivery_id}; the list of dead letters shows those you may see")
    require(caller, found.actor.project, right)
    return found


def list_mail(caller: Caller) -> QuerySet[Message]:
    """Return the messages that somebody may see, without what they say."""
    rows = scope_rows(caller, Message.objects.select_related("project", "topic"))
    return rows.defer("body_json", "chain")


def find_mail(caller: Caller, mail_id: int, right: Right = Right.VIEW) -> Message:
    """Return a message that the caller may see and do this with.

    Raises: MailNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    rows = scope_rows(caller, Message.objects.select_related("project", "topic"))
    found = rows.filter(pk=mail_id).first()
    if found is None:
        raise MailNotFound(f"no message {mail_id}; the list of mail shows those you may see")
    require(caller, found.project, right)
    return found


def count_deliveries(message_id: int) -> dict[str, int]:
    """Return how many deliveries of a message are in each state; only those states that occur."""
    rows = Delivery.objects.filter(message=message_id).order_by().values("state")
    return {row["state"]: row["count"] for row in rows.annotate(count=Count("pk"))}


def show_bodies(messages: Sequence[Message], user_id: int | None) -> dict[int, Body]:
    """Return what messages say, by their id, without secrets; or why somebody may not see it.

    What a step said is hidden as its output is, and an answer as its turn's result.
    """
    said: dict[int, list[str | None]] = {}
    for message in messages:
        if message.step_id is not None:
            said.setdefault(message.step_id, []).append(message.body_json)
    of_steps = withhold(said, user_id)
    of_turns = find_hidden_senders(
        [m for m in messages if m.step_id is None and m.run_id is not None], user_id
    )
    return {
        message.pk: _show(message, of_steps.get(message.step_id or 0) or of_turns.get(message.pk, ""))
        for message in messages
    }


def read_body(message: Message) -> Any:
    """Return what a message says, without secrets, for whoever may see all."""
    return json.loads(redact_json(message.body_json))


def _show(message: Message, hidden: str) -> Body:
    return Body(None, hidden) if hidden else Body(read_body(message), "")


def list_topics(caller: Caller) -> QuerySet[Topic]:
    """Return the topics that somebody may see."""
    return scope_rows(caller, Topic.objects.select_related("project"))


def find_topic(caller: Caller, topic_id: int, right: Right = Right.VIEW) -> Topic:
    """Return a topic that the caller may see and do this with.

    Raises: TopicNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    found = list_topics(caller).filter(pk=topic_id).first()
    if found is None:
        raise TopicNotFound(f"no topic {topic_id}; the list of topics shows those you may see")
    require(caller, found.project, right)
    return found


def find_subscription(caller: Caller, subscription_id: int, right: Right) -> Subscription:
    """Return a subscription that the caller may see and do this with.

    Raises: SubscriptionNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    rows = scope_rows(caller, Subscription.objects.select_related("topic__project"), "topic__project")
    found = rows.filter(pk=subscription_id).first()
    if found is None:
        raise SubscriptionNotFound(
            f"no subscription {subscription_id}; the subscriptions of a topic show their ids"
        )
    require(caller, found.topic.project, right)
    return found
