"""Holds back the agents that feed people who can't keep up, and lets their steps go on as soon as they can.

Which agents, the room above says, with each sweep; here it becomes rows, which the claim looks at. The rows come and go
with what is predicted: a decision of a person, a queue that is emptied and a changed setting are all seen by the next
sweep. A step that waits is found by its own row and not by the throttle's, so no order of crashes loses it.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from orchestration.conf import get_conf
from orchestration.dispatch import dispatch
from orchestration.models import Throttle
from orchestration.ports import HoldBack, load_hold_backs
from orchestration.transitions.waiting import wake_held_back


def hold_back_agents() -> int:
    """Bring the throttles up to date, and ring for the steps that may go on; return for how many."""
    conf = get_conf()
    _write(load_hold_backs(conf.HOLD_BACKS)())
    woken = wake_held_back(conf.REDISPATCH_LIMIT)
    dispatch(woken)
    return len(woken)


def _write(wanted: Collection[HoldBack]) -> None:
    """Make the rows say what is wanted; those that stay keep since when, and who asked."""
    by_place = {(one.project_id, one.agent, one.source): one for one in wanted}
    rows = {(row.project_id, row.agent, row.source): row for row in Throttle.objects.all()}
    if not by_place and not rows:
        return
    gone = [row.pk for place, row in rows.items() if place not in by_place]
    with transaction.atomic():
        if gone:
            Throttle.objects.filter(pk__in=gone).delete()
        for place, one in by_place.items():
            if place not in rows:
                Throttle.objects.get_or_create(
                    project_id=one.project_id,
                    agent=one.agent,
                    source=one.source,
                    defaults={"reason": one.reason},
                )
            elif rows[place].reason != one.reason:
                Throttle.objects.filter(~Q(reason=one.reason), pk=rows[place].pk).update(reason=one.reason)
