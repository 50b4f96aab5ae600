"""How actors do, who made whom, and their turns, for whoever looks: scoped. Their mail: `mailboxes.py`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypedDict
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    CharField,
    Exists,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django_stubs_ext import WithAnnotations

from orchestration.database.statements import fetch_all
from orchestration.domain.mail import DeliveryState, Life
from orchestration.domain.rights import Right
from orchestration.domain.states import LIVE_RUN, RunStatus, StepStatus
from orchestration.errors import ActorNotFound
from orchestration.models import Actor, Delivery, Run, Step
from orchestration.selectors.scope import Caller, require, scope_rows

MOST_COUNTED: Final = 10_000
"""Messages of one kind that are counted in a mailbox; one more stands for all that are beyond."""
MOST_FAMILY: Final = 200
"""Actors that are shown below one."""
_MOVING = (StepStatus.AVAILABLE, StepStatus.RUNNING, StepStatus.RETRYABLE)


class State(TypedDict):
    """What `with_life` adds to an actor.

    `turn_id`: of the run that is its live turn.  `last_turn_at`: when its latest turn began.  `unsettled`: a turn has
    ended, and not everybody was told yet.
    """

    life: str
    turn_id: UUID | None
    queued: int
    dead: int
    last_turn_at: datetime | None
    unsettled: bool


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


def with_life(actors: QuerySet[Actor]) -> QuerySet[ActorWithLife]:
    """Add to actors how they do, their live turn, and how many messages wait or are dead letters; no query per row."""
    turns = Run.objects.filter(actor=OuterRef("pk")).order_by()
    live = turns.filter(is_parked=False, status__in=LIVE_RUN)
    found = actors.annotate(
        turn_id=Subquery(live.values("pk")[:1]),
        queued=_count(DeliveryState.QUEUED),
        dead=_count(DeliveryState.DEAD),
        last_turn_at=Subquery(turns.order_by("-created_at").values("created_at")[:1]),
        unsettled=Exists(turns.filter(untold=True, is_parked=False).exclude(status__in=LIVE_RUN)),
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


def _count(state: DeliveryState) -> Func:
    rows = Delivery.objects.filter(actor=OuterRef("pk"), state=state).order_by()
    return Func(
        ArraySubquery(rows.values("pk")[: MOST_COUNTED + 1]),
        function="cardinality",
        output_field=IntegerField(),
    )


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


def covers(term: str) -> Q:
    """Return which actors' addresses begin so: by a part of the name, the whole of it, or `name/key`."""
    name, slash, key = term.strip().replace("\x00", " ").partition("/")
    return Q(name=name, key__startswith=key) if slash else Q(name__startswith=name) | Q(key=name)


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


def find_lives(actor_ids: Collection[int]) -> dict[int, ActorWithLife]:
    """Return actors with how they do, by their ids, in one query."""
    return {actor.pk: actor for actor in with_life(Actor.objects.filter(pk__in=actor_ids))}


def list_turns(actor_id: int) -> QuerySet[Run]:
    """Return an actor's turns, the latest first, without their inputs."""
    return Run.objects.filter(actor=actor_id).defer("input_json").order_by("-created_at")
