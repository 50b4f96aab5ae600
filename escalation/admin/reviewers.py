"""What people at the desk can take on: how much, what they know, and when they are away."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from escalation.admin.access import has_desk_right
from escalation.admin.row_forms import ONE_LINE, RowForm
from escalation.domain.desk_rights import DeskRight
from escalation.models import ReviewerProfile
from escalation.people import change_profile, remove_profile
from escalation.selectors.colleagues import list_colleagues, list_managed, scope_profiles
from orchestration.admin.access import ScopedAdmin, caller_of
from orchestration.admin.times import moment_column


@admin.register(ReviewerProfile)
class ReviewerProfileAdmin(ScopedAdmin[ReviewerProfile]):
    """Room, tags and absence. Who manages a queue changes them for its people; everybody says when they are away."""

    project: ClassVar[str] = ""
    empty_words: ClassVar[str] = (
        "Nobody has a profile: all are present, with room for any number of tickets and without tags."
    )
    list_display = (
        "user",
        "capacity",
        "tags",
        moment_column("absent_from", "Absent from"),
        moment_column("absent_until", "Absent until"),
        "substitute",
    )
    list_select_related = ("user", "substitute")
    list_filter_sheet = False
    form = RowForm
    formfield_overrides = ONE_LINE
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewerProfile]:
        """Return the person's own, and those of people at queues that they manage."""
        rows: QuerySet[ReviewerProfile] = super().get_queryset(request)
        return rows.filter(pk__in=scope_profiles(caller_of(request)).order_by().values("pk"))

    def has_view_permission(self, request: HttpRequest, obj: ReviewerProfile | None = None) -> bool:
        """Let in whoever works at a queue."""
        return has_desk_right(request, DeskRight.LOOK)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let in whoever works at a queue: for themselves, or for those they manage."""
        return has_desk_right(request, DeskRight.DECIDE) or has_desk_right(request, DeskRight.MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: ReviewerProfile | None = None) -> bool:
        """Let people change what is found for them."""
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_delete_permission(self, request: HttpRequest, obj: ReviewerProfile | None = None) -> bool:
        """Let those who manage a queue take a profile away."""
        return obj is None or list_managed(caller_of(request)).filter(pk=obj.user_id).exists()

    def get_readonly_fields(
        self, request: HttpRequest, obj: ReviewerProfile | None = None
    ) -> tuple[str, ...]:
        """Let who manages nobody say only when they are away, and who stands in."""
        manages = (
            list_managed(caller_of(request)).exists()
            if obj is None
            else self.has_delete_permission(request, obj)
        )
        return (("user",) if obj else ()) + (() if manages else ("capacity", "tags"))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the people that the person may choose from."""
        people: QuerySet[User] = get_user_model().objects.filter(
            Q(pk=request.user.pk) | Q(pk__in=list_managed(caller_of(request)).values("pk"))
        )
        kwargs["queryset"] = people if db_field.name == "user" else list_colleagues(caller_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ReviewerProfile, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save what was typed, and tell what was changed."""
        typed = {name: form.cleaned_data[name] for name in form.changed_data if name != "user"}
        person: Any = request.user
        obj.pk = change_profile(person, obj.user, typed).pk

    def delete_model(self, request: HttpRequest, obj: ReviewerProfile) -> None:
        """Take a profile away, and tell what it said."""
        person: Any = request.user
        remove_profile(person, obj.user)
