"""Projects, their members, and the API tokens that open them."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from orchestration.admin.access import ScopedAdmin, caller_of, has_right
from orchestration.admin.times import moment
from orchestration.domain.rights import Right
from orchestration.models import ApiToken, Membership, Project
from orchestration.selectors.scope import find_known_groups

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import TabularInline


class MembershipInline(TabularInline[Membership, Project]):
    """Which groups are members, and as what. Admins of the project decide."""

    model = Membership
    extra = 1

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer admins of a project the groups they know: their own, and the members of what they are admins of."""
        if db_field.name == "group":
            kwargs["queryset"] = find_known_groups(caller_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """Let members see who else is one."""
        return has_right(request, Right.VIEW, obj.pk if obj else None)

    def has_add_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """Let admins of the project add members."""
        return has_right(request, Right.MANAGE, obj.pk if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """Let admins of the project change roles."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """Let admins of the project end a membership."""
        return self.has_add_permission(request, obj)


@admin.register(Project)
class ProjectAdmin(ScopedAdmin[Project]):
    """Projects. Superusers make them; admins of one choose its members."""

    empty_words: ClassVar[str] = (
        "You are a member of no project. An administrator adds your group to one, with a role."
    )
    project: ClassVar[str] = "pk"
    list_display = ("slug", "name", "groups")
    fields = ("slug", "name")
    inlines = (MembershipInline,)
    ordering = ("slug",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        """Return the person's projects with their members."""
        return super().get_queryset(request).prefetch_related("memberships__group")

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        """Keep the slug of a project that exists: commands, programs and idempotency keys go by it."""
        return ("slug",) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers make projects."""
        return caller_of(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """Let admins of a project change it."""
        return has_right(request, Right.MANAGE, obj.pk if obj else None)

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """A project owns evidence."""
        return False

    @admin.display(description="Members")
    def groups(self, project: Project) -> str:
        """Return the groups with their roles."""
        return ", ".join(f"{m.group.name} ({m.role})" for m in project.memberships.all()) or "-"


@admin.register(ApiToken)
class ApiTokenAdmin(ScopedAdmin[ApiToken]):
    """API tokens: people see and revoke their own, superusers everybody's. The API and `create_token` make them."""

    empty_words: ClassVar[str] = (
        "You have no API token. POST /api/v1/tokens or `manage.py create_token` makes one."
    )
    project: ClassVar[str] = ""
    list_display = ("name", "user", "scopes_shown", "project", "created_at", "expires_at")
    list_select_related = ("user", "project")
    fields = ("name", "user", "scopes", "project", "created_at", "expires_at")
    readonly_fields = ("created_at", "expires_at")
    ordering = ("-created",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """Return the person's own tokens; all to a superuser."""
        rows: QuerySet[ApiToken] = super().get_queryset(request).defer("digest", "token_key")
        caller = caller_of(request)
        return rows if caller.is_superuser else rows.filter(user=caller.user_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key is shown once, to the program or the shell that asks for it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """What a token is good for never changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Let people revoke what they see."""
        return has_right(request, Right.VIEW)

    @admin.display(description="Created", ordering="created")
    def created_at(self, token: ApiToken) -> str:
        """Return when it was made."""
        return moment(token.created)

    @admin.display(description="Expires", ordering="expiry")
    def expires_at(self, token: ApiToken) -> str:
        """Return until when it is good."""
        return moment(token.expiry)

    @admin.display(description="Scopes")
    def scopes_shown(self, token: Any) -> str:
        """Return the scopes."""
        return ", ".join(token.scopes)
