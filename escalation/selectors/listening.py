"""What those who follow the desk may hear of, asked for all of them together. Reads only.

The law is `scope.py`'s, put so that two statements answer it for however many: a test holds the two to each other.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q

from escalation.domain.desk_rights import DeskRight, desk_roles_with, project_roles_with
from escalation.domain.states import TicketStatus
from escalation.models import BreachDeed, QueueRole, ReviewQueue
from orchestration.models import Membership
from orchestration.selectors.scope import Caller


@dataclass(frozen=True, slots=True)
class View:
    """What somebody may hear of. Attributes: tickets: that were opened to a group of theirs, whatever their queue."""

    queues: frozenset[int] = frozenset()
    tickets: frozenset[int] = frozenset()

    def holds(self, queue_id: int, ticket_id: int) -> bool:
        """Return whether a ticket is theirs to hear of."""
        return queue_id in self.queues or ticket_id in self.tickets


def find_views(callers: Collection[Caller], changed: Collection[int] = ()) -> dict[Caller, View]:
    """Return what each may hear of now.

    Args: changed: tickets that a guest is told of though they are open no longer.
    """
    people = {caller.user_id for caller in callers} - {None}
    queues, guests = _read_queues(people), _read_guests(people, changed)
    return {
        caller: View(
            frozenset(queue.pk for queue in queues if _may_look(caller, queue)),
            frozenset(
                ticket for ticket, project in guests[caller.user_id] if caller.project_id in {None, project}
            ),
        )
        for caller in callers
    }


def _may_look(caller: Caller, queue: Any) -> bool:
    if caller.project_id not in {None, queue.project_id}:
        return False
    is_implied = caller.is_superuser or caller.user_id in queue.implied
    return caller.user_id in queue.own or (is_implied and not queue.is_restricted)


def _read_queues(people: Collection[int | None]) -> list[Any]:
    roles = QueueRole.objects.filter(group__user__in=people, role__in=desk_roles_with(DeskRight.LOOK))
    members = Membership.objects.filter(
        group__user__in=people, role__in=project_roles_with(DeskRight.LOOK), project=OuterRef("project")
    )
    own, implied = roles.filter(queue=OuterRef("pk")).order_by(), members.order_by()
    queues = ReviewQueue.objects.only("project", "is_restricted").order_by()
    return list(
        queues.annotate(
            own=ArraySubquery(own.values("group__user")), implied=ArraySubquery(implied.values("group__user"))
        )
    )


def _read_guests(
    people: Collection[int | None], changed: Collection[int]
) -> dict[int | None, set[tuple[int, int]]]:
    opened = Q(ticket__status=TicketStatus.OPEN) | Q(ticket__in=changed)
    deeds = BreachDeed.objects.filter(opened, group__user__in=people).order_by()
    found: dict[int | None, set[tuple[int, int]]] = defaultdict(set)
    for person, ticket, project in deeds.values_list("group__user", "ticket", "ticket__queue__project"):
        found[person].add((ticket, project))
    return found
