"""What a review queue says of its clocks: levels, actions at missed deadlines, reasons to put a ticket off."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from escalation.admin.access import find_queues_of, has_desk_right
from escalation.admin.row_forms import RowForm
from escalation.domain.desk_rights import DeskRight
from escalation.models import BreachAction, EscalationLevel, ReviewQueue, SnoozeReason
from escalation.selectors.colleagues import find_groups
from orchestration.admin.access import caller_of

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import TabularInline


class _OfQueue(TabularInline[Any, ReviewQueue]):
    extra = 0
    tab = True
    hide_title = True
    form = RowForm

    def has_view_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let those who work here see it."""
        may_look = has_desk_right(request, DeskRight.LOOK, obj.pk if obj else None)
        return may_look or self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins change it."""
        return has_desk_right(request, DeskRight.MANAGE, obj.pk if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins change it."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins take it away."""
        return self.has_add_permission(request, obj)


class EscalationLevelInline(_OfQueue):
    """Who is told when a ticket waits too long."""

    model = EscalationLevel
    max_num = 3
    verbose_name_plural = "Escalation levels"

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the groups that the person knows."""
        if db_field.name == "groups":
            kwargs["queryset"] = find_groups(caller_of(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class BreachActionInline(_OfQueue):
    """What the queue does by itself at a missed deadline."""

    model = BreachAction
    fk_name = "queue"
    verbose_name_plural = "When a deadline is missed"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the queues that the person manages, and the groups that they know."""
        if db_field.name == "to_queue":
            kwargs["queryset"] = find_queues_of(request, DeskRight.MANAGE)
        if db_field.name == "to_group":
            kwargs["queryset"] = find_groups(caller_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class SnoozeReasonInline(_OfQueue):
    """Why tickets are put off."""

    model = SnoozeReason
    verbose_name_plural = "Reasons to put a ticket off"
