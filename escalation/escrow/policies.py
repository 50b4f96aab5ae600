"""What review queues say of their clocks, read once for a whole sweep."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth import get_user_model

from escalation.domain.states import DeadlineKind
from escalation.domain.telling import LevelRule
from escalation.models import BreachAction, EscalationLevel, ReviewQueue


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """What one queue says.

    Attributes: groups: level -> (id, name) of those whose members are told.  actions: by the clock that ran out.
    """

    warn_at: tuple[int, ...] = ()
    levels: tuple[LevelRule, ...] = ()
    groups: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    actions: dict[DeadlineKind, list[BreachAction]] = field(default_factory=dict)


def read_policies(queue_ids: Iterable[int]) -> dict[int, ClockPolicy]:
    """Return what these queues say, by their ids."""
    queues = ReviewQueue.objects.filter(pk__in=set(queue_ids)).prefetch_related(
        "levels__groups", "breach_actions__to_group", "breach_actions__to_queue"
    )
    return {queue.pk: _read(queue) for queue in queues}


def list_members(group_ids: Iterable[int]) -> list[int]:
    """Return the ids of the active accounts in any of these groups."""
    people = get_user_model().objects.filter(groups__in=list(group_ids), is_active=True)
    return sorted(people.values_list("pk", flat=True).distinct().order_by())


def _read(queue: ReviewQueue) -> ClockPolicy:
    actions: dict[DeadlineKind, list[BreachAction]] = {}
    for action in queue.breach_actions.all():
        actions.setdefault(DeadlineKind(action.deadline), []).append(action)
    levels = list(queue.levels.all())
    return ClockPolicy(
        warn_at=tuple(percent for percent in queue.warn_at if 1 <= percent <= 100),
        levels=tuple(_read_level(level) for level in levels),
        groups={level.level: [(group.pk, group.name) for group in level.groups.all()] for level in levels},
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
