"""What a change of a review queue sets off: it is told, and open tickets are looked at by what the queue says now."""

from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser

from escalation.domain.states import TicketStatus
from escalation.models import IS_AUDIT, ClockTimestamp, ReviewQueue, Ticket
from escalation.queues import describe_queue, record_change

_OF_CLOCKS: Final = ("warn_at", "levels", "actions")


def settle_change(user: AbstractBaseUser, queue: ReviewQueue, before: dict[str, Any]) -> None:
    """Tell what somebody changed about a queue, in the transaction of the change.

    Args: before: as `describe_queue` said; {} of a new one.
    """
    after = describe_queue(queue)
    record_change(user, queue, "queue", before, after)
    if before and any(before[name] != after[name] for name in _OF_CLOCKS):
        _look_again(queue)


def _look_again(queue: ReviewQueue) -> None:
    """Let the sweep look at the open tickets: the next moment that each noted is one of the rules of before.

    A row that is locked is being claimed or decided, which asks for a look as well, or given back.
    """
    rows = Ticket.objects.filter(
        ~IS_AUDIT, queue=queue, status=TicketStatus.OPEN, decided_at=None, paused_at=None
    )
    free = rows.order_by("pk").select_for_update(no_key=True, skip_locked=True)
    Ticket.objects.filter(pk__in=free.values("pk")).update(next_look_at=ClockTimestamp())
