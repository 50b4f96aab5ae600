"""Telling what somebody changed about a queue: before and after, in the transaction of the change."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, Group
from django.forms import model_to_dict

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.models import BreachAction, EscalationLevel, ReviewerProfile, ReviewQueue, RoutingRule

_OF_RULE = (
    "position",
    "name",
    "workflow",
    "step",
    "agent",
    "rule",
    "confidence_from",
    "confidence_to",
    "expression",
)


def describe_queue(queue: ReviewQueue) -> dict[str, Any]:
    """Return a queue and all that belongs to it as JSON values, as they stand in the database."""
    row = ReviewQueue.objects.get(pk=queue.pk)
    settings = model_to_dict(row)
    return {
        **settings,
        "targets": {t.sla: [t.first_touch_seconds, t.resolution_seconds] for t in row.targets.all()},
        "reason_codes": {r.code: {"label": r.label, "kinds": r.kinds} for r in row.reason_codes.all()},
        "roles": sorted(f"{held.group}: {held.role}" for held in row.roles.select_related("group")),
        "channels": [model_to_dict(one, exclude=("id", "queue")) for one in row.channels.order_by("pk")],
        **_describe_clocks(row),
    }


def _describe_clocks(queue: ReviewQueue) -> dict[str, Any]:
    actions = queue.breach_actions.select_related("to_queue", "to_group").order_by("deadline", "step")
    return {
        "levels": {level.level: describe_level(level) for level in queue.levels.prefetch_related("groups")},
        "actions": [describe_action(action) for action in actions],
        "snooze_reasons": {
            reason.code: {"label": reason.label, "stops_clock": reason.stops_clock}
            for reason in queue.snooze_reasons.all()
        },
    }


def describe_level(level: EscalationLevel) -> dict[str, Any]:
    """Return who is told when, as JSON values."""
    minutes = {name: getattr(level, name) for name in ("repeat_minutes", "claimed_minutes")}
    groups = sorted(group.name for group in level.groups.all())
    return {"after_percent": level.after_percent, **minutes, "groups": groups}


def describe_action(action: BreachAction) -> dict[str, Any]:
    """Return what happens at a missed deadline, as JSON values."""
    to_queue, to_group = action.to_queue, action.to_group
    return {
        "deadline": action.deadline,
        "step": action.step,
        "to_queue": to_queue.slug if to_queue else None,
        "to_group": to_group.name if to_group else None,
    }


def record_deletion(user: AbstractBaseUser, queue: ReviewQueue, before: dict[str, Any]) -> None:
    """Tell that a review queue was deleted, and what it was. No line can name the queue itself any more."""
    record_change(user, None, f"review queue {queue.project.slug}/{queue.slug}", before, {})


def record_lost_roles(user: AbstractBaseUser, group: Group) -> None:
    """Tell at each review queue that a group with a role there is about to be deleted."""
    for held in group.queue_roles.select_related("queue", "group"):
        record_change(user, held.queue, f"group {group}", {"roles": [f"{group}: {held.role}"]}, {})


def describe_profile(profile: ReviewerProfile) -> dict[str, Any]:
    """Return what somebody can take on as JSON values."""
    return {
        "capacity": profile.capacity,
        "tags": list(profile.tags),
        "absent_from": profile.absent_from,
        "absent_until": profile.absent_until,
        "substitute": profile.substitute_id,
    }


def describe_rule(rule: RoutingRule) -> dict[str, Any]:
    """Return a routing rule as JSON values."""
    values = {name: getattr(rule, name) for name in _OF_RULE}
    return {**values, "queue": rule.queue.slug if rule.queue else None, "tags": list(rule.tags)}


def record_change(
    user: AbstractBaseUser,
    queue: ReviewQueue | None,
    what: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """Tell what differs, if anything does.

    Args: before: {} of what is new.  after: {} of what is gone.
    """
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if names:
        record(
            Act.CHANGED,
            user,
            queue=queue,
            what=what,
            before={name: before[name] for name in names if name in before},
            after={name: after[name] for name in names if name in after},
        )
