"""How people want to be told, each their own lines."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from escalation.admin.access import find_queues_of, has_desk_right
from escalation.conf import get_conf
from escalation.domain.desk_rights import DeskRight
from escalation.models import Preference
from escalation.people import describe_preferences, tell_change
from orchestration.admin.access import ScopedAdmin


class PreferenceForm(forms.ModelForm[Preference]):
    """What one person chose. The person is set by the page, before it is checked."""

    channels = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: mail, if this installation has it.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        """Offer the channels that are for people, and what was chosen before."""
        super().__init__(*args, **options)
        offered = [name for name, channel in get_conf().channels.items() if channel.for_people]
        kept = [name for name in self.instance.channels or () if name not in offered]
        choices = cast("forms.MultipleChoiceField", self.fields["channels"])
        choices.choices = [(name, name) for name in (*offered, *kept)]

    def clean(self) -> dict[str, Any]:
        """Refuse a second line about the same; what else is wrong, the row says."""
        given = super().clean() or self.cleaned_data
        same = Preference.objects.filter(user=self.instance.user_id, queue=given.get("queue"))
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("queue", "There is a line about this already: change that one.")
        return given


@admin.register(Preference)
class PreferenceAdmin(ScopedAdmin[Preference]):
    """What I am told, over which channels, and when: a line for all review queues, and one for each that differs."""

    project = ""
    empty_words = "Without a line here you get mail at once about what concerns you."
    form = PreferenceForm
    list_display = ("about", "is_off", "channels", "quiet_from", "quiet_until", "digest_minutes")
    list_select_related = ("queue",)
    fields = (
        "queue",
        "is_off",
        "channels",
        "from_level",
        ("quiet_from", "quiet_until"),
        "time_zone",
        "digest_minutes",
        "urgent_level",
    )

    @admin.display(description="About")
    def about(self, row: Preference) -> str:
        """Return about what."""
        return row.queue.name if row.queue else "everything else"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preference]:
        """Return the person's own lines."""
        return super().get_queryset(request).filter(user=request.user.pk)

    def get_form(
        self,
        request: HttpRequest,
        obj: Preference | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's
        **options: Any,
    ) -> Any:
        """Let the form know whose line it is, and which queues there are for them."""
        kind = super().get_form(request, obj, change=change, **options)

        class Own(kind):  # type: ignore[misc, valid-type]
            def __init__(self, *args: Any, **given: Any) -> None:
                super().__init__(*args, **given)
                self.instance.user_id = request.user.pk
                self.fields["queue"].queryset = find_queues_of(request)
                self.fields["queue"].required = False
                self.fields["queue"].empty_label = "everything else"

        return Own

    def has_view_permission(self, request: HttpRequest, obj: Preference | None = None) -> bool:
        """Let in whoever may look at any queue."""
        return has_desk_right(request, DeskRight.LOOK)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let them say more."""
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Preference | None = None) -> bool:
        """Let them change their own lines; rows are found by whose they are."""
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Preference | None = None) -> bool:
        """Let them take a line back."""
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: Preference, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save a line, and tell what was changed."""
        before = describe_preferences(obj.user)
        super().save_model(request, obj, form, change)
        tell_change(obj.user, before)

    def delete_model(self, request: HttpRequest, obj: Preference) -> None:
        """Take a line back, and tell it."""
        before = describe_preferences(obj.user)
        super().delete_model(request, obj)
        tell_change(obj.user, before)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Preference]) -> None:
        """Take several lines back, and tell each."""
        for line in queryset:
            self.delete_model(request, line)
