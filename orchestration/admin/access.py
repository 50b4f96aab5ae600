"""What all admins of this app share: they show rows and change none."""

from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse

from orchestration.admin.paging import CappedPaginator

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

Row = TypeVar("Row", bound=Model)


class ReadOnlyAdmin(ModelAdmin[Row]):
    """Lists and shows. The engine alone writes these rows; people act through tickets and commands."""

    actions = None
    list_per_page = 50
    list_filter_sheet = False
    list_fullwidth = True
    paginator = CappedPaginator
    show_full_result_count = False

    class Media:
        css = {"all": ("orchestration/console.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from the engine."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Rows are evidence."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Rows are evidence."""
        return False

    def require_view(self, request: HttpRequest) -> None:
        """Refuse whoever may not look.

        Raises: PermissionDenied.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied

    def render_page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Return one of this app's own pages in the console's frame."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        frame = {**self.admin_site.each_context(request), "media": self.media, "subtitle": None}
        return TemplateResponse(request, f"admin/orchestration/{template}", {**frame, **context})
