"""The parts of a review queue's page: how it works, its targets, and its reason codes."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest

from escalation.admin.access import has_desk_right
from escalation.admin.row_forms import ONE_LINE, RowForm
from escalation.domain.desk_rights import DeskRight
from escalation.models import ReasonCode, ReviewQueue, SlaTarget
from orchestration.domain.holds import SUBJECTS

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import TabularInline

KINDS = [
    (kind, kind.replace("_", " "))
    for kind in dict.fromkeys(way.kind.value for asked in SUBJECTS.values() for way in asked.ways)
]
"""What people choose; what a rule decides takes no reason."""


class QueueForm(forms.ModelForm[ReviewQueue]):
    """A queue, with the decisions that need a reason to be ticked."""

    reasons_required = forms.MultipleChoiceField(
        choices=KINDS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Decisions that need a reason code.",
    )


class ReasonForm(RowForm):
    """A reason code, with its decisions to be ticked."""

    kinds = forms.MultipleChoiceField(choices=KINDS, widget=forms.CheckboxSelectMultiple, label="Goes with")


class _Part(TabularInline[Any, ReviewQueue]):
    extra = 0
    tab = True
    hide_title = True
    form = RowForm
    formfield_overrides = ONE_LINE

    def has_view_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let those who work here see by which rules."""
        number = obj.pk if obj else None
        return has_desk_right(request, DeskRight.LOOK, number) or self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins add lines."""
        return has_desk_right(request, DeskRight.MANAGE, obj.pk if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins change lines."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins take lines away."""
        return self.has_add_permission(request, obj)


class TargetInline(_Part):
    """How long tickets may wait, by SLA class."""

    model = SlaTarget
    verbose_name = "target"
    verbose_name_plural = "Targets"


class ReasonInline(_Part):
    """Reasons that can be given."""

    model = ReasonCode
    form = ReasonForm
    verbose_name = "reason code"
    verbose_name_plural = "Reason codes"
