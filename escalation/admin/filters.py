"""Filters of the ticket list."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import RelatedFieldListFilter, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from escalation.admin.access import find_queues_of
from escalation.admin.decisions import person_of
from escalation.domain.states import TicketStatus
from escalation.models import ClockTimestamp, Ticket


class QueueFilter(RelatedFieldListFilter):
    """By review queue, of those that the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the queues that are open to the person."""
        queues = find_queues_of(request).select_related("project")
        return [(str(queue.pk), f"{queue.name} ({queue.project})") for queue in queues]


class StateFilter(SimpleListFilter):
    """Open tickets unless asked otherwise: the list is a queue of work, not an archive."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states a reviewer thinks in."""
        return [
            ("free", "Free to claim"),
            ("mine", "Claimed by me"),
            ("claimed", "Claimed by anybody"),
            ("resolved", "Resolved"),
            ("withdrawn", "Withdrawn"),
            ("all", "All"),
        ]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Call the first choice by what it shows."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Open"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        """Narrow the list."""
        is_live = Q(claimed_by__isnull=False, claim_expires_at__gt=ClockTimestamp())
        is_open = Q(status=TicketStatus.OPEN)
        conditions = {
            None: is_open,
            "free": is_open & ~is_live,
            "mine": is_open & is_live & Q(claimed_by=person_of(request).pk),
            "claimed": is_open & is_live,
            "resolved": Q(status=TicketStatus.RESOLVED),
            "withdrawn": Q(status=TicketStatus.WITHDRAWN),
        }
        return queryset.filter(conditions.get(self.value(), Q()))
