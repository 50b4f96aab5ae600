"""Who has which role at a review queue."""

from typing import TYPE_CHECKING, Any

from django.db.models import ForeignKey
from django.forms import ModelChoiceField
from django.http import HttpRequest

from escalation.admin.access import has_desk_right
from escalation.admin.row_forms import RowForm
from escalation.domain.desk_rights import DeskRight
from escalation.models import QueueRole, ReviewQueue
from escalation.selectors.colleagues import find_groups
from orchestration.admin.access import caller_of

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import TabularInline


class QueueRoleInline(TabularInline[QueueRole, ReviewQueue]):
    """Which groups have a role at the queue. Its admins decide."""

    model = QueueRole
    extra = 0
    tab = True
    hide_title = True
    form = RowForm
    verbose_name = "role"
    verbose_name_plural = "Members"

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer the groups that the person knows."""
        if db_field.name == "group":
            kwargs["queryset"] = find_groups(caller_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let those who work here see who else does."""
        return has_desk_right(request, DeskRight.LOOK, obj.pk if obj else None) or self.has_change_permission(
            request, obj
        )

    def has_add_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins give roles."""
        return has_desk_right(request, DeskRight.MANAGE, obj.pk if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins change roles."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins take roles away."""
        return self.has_add_permission(request, obj)
