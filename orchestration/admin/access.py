"""What the admins of rows of projects share: everybody sees what their memberships give, and no more."""

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse

from orchestration.admin.paging import CappedPaginator
from orchestration.admin.plain_lists import PlainList
from orchestration.domain.rights import Right
from orchestration.selectors.scope import Caller, call_as, list_rights_by_project, scope_rows

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

Row = TypeVar("Row", bound=Model)

_OF_FRAME: Final = frozenset({"messages", "perms", "request", "user"})
"""What Django adds to what a page is given: the frame shows notes to the person by it."""
_OWN: Final = frozenset({"title", "subtitle"})


def caller_of(request: HttpRequest) -> Caller:
    """Return who looks at the console."""
    return call_as(cast("Any", request.user))


def list_rights(request: HttpRequest) -> dict[int, frozenset[Right]]:
    """Return what somebody may do in each of their projects, asked once for all that a page shows."""
    known: dict[int, frozenset[Right]] | None = getattr(request, "project_rights", None)
    if known is None:
        known = list_rights_by_project(caller_of(request))
        request.project_rights = known  # type: ignore[attr-defined]
    return known


def has_right(request: HttpRequest, right: Right, project_id: int | None = None) -> bool:
    """Return whether somebody may do this in a project; without one, in any."""
    rights = list_rights(request)
    if project_id is not None:
        return right in rights.get(project_id, ())
    return any(right in held for held in rights.values())


def find_by_number(rows: QuerySet[Row], object_id: str, what: str) -> Row:
    """Return the row that an address names by its number.

    Args: rows: those that the viewer may see.  what: in words, for whoever finds none.
    Raises: Http404: there is none, or not for them.
    """
    is_number = object_id.isascii() and object_id.isdecimal() and len(object_id) < 19
    found = rows.filter(pk=object_id).first() if is_number else None
    if found is None:
        raise Http404(f"There is no {what} {object_id}.")
    return found


def _name_filter(listed: Any) -> str:
    """Return what a filter of a list reads of an address, or what that begins with."""
    named = listed[0] if isinstance(listed, tuple) else listed
    return named if isinstance(named, str) else str(named.parameter_name)


class ScopedAdmin(ModelAdmin[Row]):
    """Lists the rows of the person's projects. Roles decide, not Django's permissions: these know no projects.

    Attributes:
        project: the way from a row to its project; "" for rows of no project, which members may see.
        empty_words: what an empty list says: what would appear in it, and where else to look.
    """

    project: ClassVar[str] = "project"
    empty_words: ClassVar[str] = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        """Return the rows of projects that the person is a member of."""
        rows = super().get_queryset(request)
        return scope_rows(caller_of(request), rows, self.project) if self.project else rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Narrow a list by what its own filters offer.

        Django takes every column of the rows: whether a row is found would tell what a page keeps from somebody.

        Raises: IncorrectLookupParameters: they offer no such thing; Django leads to the whole list.
        """
        if lookup.partition("__")[0] not in {_name_filter(one) for one in self.get_list_filter(request)}:
            raise IncorrectLookupParameters
        return super().lookup_allowed(lookup, value, request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Row:
        """Return the row of an address; Django itself would lead to its start page with 200 in the end.

        Raises: Http404: there is none, or not for them.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        return row

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Let the first column name the rows also where they lead nowhere."""
        return PlainList if self.list_display_links is None else super().get_changelist(request, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app to whom it shows anything."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Let members look."""
        return has_right(request, Right.VIEW)


class ReadOnlyAdmin(ScopedAdmin[Row]):
    """Lists and shows. The engine alone writes these rows; people act through tickets, orders and commands.

    Attributes: form_templates: pages that may also be posted to.
    """

    actions: tuple[str, ...] | None = None
    list_per_page = 50
    list_filter_sheet = False
    list_fullwidth = True
    paginator = CappedPaginator
    show_full_result_count = False
    form_templates: ClassVar[frozenset[str]] = frozenset()

    class Media:
        css = {"all": ("orchestration/picture.css", "orchestration/console.css")}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from the engine."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Rows are evidence."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Rows are evidence."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one row to whoever may look."""
        self.require_view(request)
        return self.show_row(request, object_id)

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the page of one row: Django's own, or in its place one of this app's."""
        return super().change_view(request, object_id)

    def require_view(self, request: HttpRequest) -> None:
        """Refuse whoever may not look.

        Raises: PermissionDenied.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied

    def render_page(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        """Return one of this app's own pages in the console's frame."""
        if request.method not in {"GET", "HEAD"} and template not in self.form_templates:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        frame = {**self.admin_site.each_context(request), "media": self.media, "subtitle": None}
        taken = context.keys() & (frame.keys() | _OF_FRAME) - _OWN
        if taken:
            raise ImproperlyConfigured(
                f"{template}: the console's frame reads {', '.join(taken)}; name it otherwise"
            )
        return TemplateResponse(
            request, f"admin/orchestration/{template}", {**frame, **context}, status=status
        )
