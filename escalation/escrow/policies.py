"""What review queues say of their clocks, read once for a whole sweep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth import get_user_model

from escalation.domain.states import DeadlineKind
from escalation.domain.telling import LevelRule
from escalation.models import BreachAction, EscalationLevel, ReviewQueue


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """What one queue says.

    Attributes: groups: level -> (id, name) of those whose members are told.  members: level -> ids of the active ones.
        actions: by the clock that ran out.
    """

    warn_at: tuple[int, ...] = ()
    levels: tuple[LevelRule, ...] = ()
    groups: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    actions: dict[DeadlineKind, list[BreachAction]] = field(default_factory=dict)


def read_policies(queue_ids: Iterable[int]) -> dict[int, ClockPolicy]:
    """Return what these queues say, by their ids."""
    queues = ReviewQueue.objects.filter(pk__in=set(queue_ids)).prefetch_related(
        "levels__groups", "breach_actions__to_group", "breach_actions__to_queue"
    )
    named = {group.pk for queue in queues for level in queue.levels.all() for group in level.groups.all()}
    people: dict[int, set[int]] = {}
    if named:
        rows = get_user_model().objects.filter(groups__in=named, is_active=True).order_by()
        for group_id, person in rows.values_list("groups", "pk"):
            people.setdefault(group_id, set()).add(person)
    return {queue.pk: _read(queue, people) for queue in queues}


def list_members(group_ids: Iterable[int]) -> list[int]:
    """Return the ids of the active accounts in any of these groups."""
    people = get_user_model().objects.filter(groups__in=list(group_ids), is_active=True)
    return sorted(people.values_list("pk", flat=True).distinct().order_by())


def _read(queue: ReviewQueue, people: Mapping[int, set[int]]) -> ClockPolicy:
    actions: dict[DeadlineKind, list[BreachAction]] = {}
    for action in queue.breach_actions.all():
        actions.setdefault(DeadlineKind(action.deadline), []).append(action)
    levels = list(queue.levels.all())
    groups = {level.level: [(group.pk, group.name) for group in level.groups.all()] for level in levels}
    return ClockPolicy(
        warn_at=tuple(percent for percent in queue.warn_at if 1 <= percent <= 100),
        levels=tuple(_read_level(level) for level in levels),
        groups=groups,
        members={
            level: sorted(set[int]().union(*(people.get(pk, ()) for pk, _ in named)))
            for level, named in groups.items()
        },
        actions=actions,
    )


def _read_level(level: EscalationLevel) -> LevelRule:
    return LevelRule(
        level.level,
        level.after_percent,
        repeat=_minutes(level.repeat_minutes),
        claimed_after=_minutes(level.claimed_minutes),
    )


def _minutes(amount: int | None) -> timedelta | None:
    return None if amount is None else timedelta(minutes=amount)
