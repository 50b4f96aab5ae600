"""Which agents are to wait, since a review queue that they feed can't keep up: by the forecast of the board.

Reads only; the engine's maintainer asks with each sweep (`orchestration/ports.py`) and does the rest.
"""

from datetime import timedelta
from typing import Final

from django.db.models import Avg, F, Q

from agents.domain.contract import strip_pin
from escalation.domain.states import TicketStatus
from escalation.figures.present import QueueNow, look_at_desk
from escalation.models import ReviewQueue, read_clock
from orchestration.domain.holds import HoldSubject
from orchestration.ports import HoldBack

_WAITING: Final = Q(tickets__status=TicketStatus.OPEN) & ~Q(tickets__subject=HoldSubject.AUDIT.value)
"""Nothing waits for an audit: it stands in no line, and its days make no other ticket less urgent."""
_STEP: Final = 60.0
"""Waits are told in whole minutes: a reason that changed each second would be written each second."""


def find_hold_backs() -> list[HoldBack]:
    """Return the agents that queues hold back at the moment; of an installation without any, one statement."""
    queues = list(
        ReviewQueue.objects.exclude(throttled_agents=[])
        .annotate(target=Avg(F("tickets__due_at") - F("tickets__opened_at"), filter=_WAITING))
        .only("project_id", "slug", "throttled_agents")
        .order_by("pk")
    )
    if not queues:
        return []
    standing = look_at_desk([queue.pk for queue in queues], read_clock()).queues
    found = []
    for queue in queues:
        reason = explain_overload(queue.slug, standing[queue.pk], queue.target)
        if reason:
            agents = sorted({strip_pin(agent) for agent in queue.throttled_agents})
            found += [HoldBack(queue.project_id, agent, queue.slug, reason) for agent in agents]
    return found


def explain_overload(slug: str, now: QueueNow, target: timedelta | None) -> str:
    """Return why a queue can't keep up: what comes now would be decided later than it should; "" when it can.

    An empty queue keeps up however slow it is, and of one where nobody is there nothing is foretold: neither may hold
    work back for ever, as only decisions end it.

    Args: target: in what time its open tickets were to be decided, on average.
    """
    wait = now.wait_seconds
    if not now.in_line or wait is None or target is None or wait <= target.total_seconds():
        return ""
    return (
        f"the review queue '{slug}' can't keep up: what comes now would be decided in about {_say(wait)}, its target "
        f"is {_say(target.total_seconds())}"
    )


def _say(seconds: float) -> str:
    minutes = -(-seconds // _STEP)
    return "1 minute" if minutes == 1 else f"{minutes:.0f} minutes"
