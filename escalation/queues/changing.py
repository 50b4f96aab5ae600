"""Telling what somebody changed about a queue: before and after, in the transaction of the change."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.forms import model_to_dict

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.models import ReviewQueue, RoutingRule

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
