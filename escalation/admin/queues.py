"""Review queues and missed deadlines."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from escalation.domain.sla import describe_duration
from escalation.domain.states import TicketStatus
from escalation.models import Breach, ReviewQueue

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin


@admin.register(ReviewQueue)
class ReviewQueueAdmin(ModelAdmin[ReviewQueue]):
    """Teams' queues. A queue named like an SLA class gets that class's tickets."""

    list_display = ("name", "slug", "project", "waiting")
    list_select_related = ("project",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewQueue]:
        """Count what waits."""
        rows: QuerySet[ReviewQueue] = super().get_queryset(request)
        return rows.annotate(open_tickets=Count("tickets", filter=Q(tickets__status=TicketStatus.OPEN)))

    @admin.display(description="Open tickets", ordering="open_tickets")
    def waiting(self, queue: ReviewQueue) -> int:
        """Return how many tickets wait in it."""
        count: int = queue.open_tickets  # type: ignore[attr-defined]  # annotated above
        return count


@admin.register(Breach)
class BreachAdmin(ModelAdmin[Breach]):
    """Missed deadlines, for reading."""

    list_display = ("ticket", "deadline", "due_at", "found_at", "found_late_by")
    list_filter = ("deadline",)
    list_select_related = ("ticket",)
    ordering = ("-due_at",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Breaches are found, not made."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Breach | None = None) -> bool:
        """Breaches are evidence."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Breach | None = None) -> bool:
        """Breaches are evidence."""
        return False

    @admin.display(description="Found after")
    def found_late_by(self, breach: Breach) -> str:
        """Return how long after the due time it was found."""
        return describe_duration(breach.found_after)
