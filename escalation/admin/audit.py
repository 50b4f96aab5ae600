"""The audit of the desk: who saw and did what, for reading and taking along."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, RelatedFieldListFilter, SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from escalation.admin.access import DeskAdmin, find_queues_of
from escalation.admin.decisions import person_of
from escalation.audit.reading import AuditFilter, export_lines, scope_audit
from escalation.audit.writing import FORMS
from escalation.domain.acts import Act
from escalation.domain.desk_rights import DeskRight
from escalation.domain.inbox import is_number
from escalation.models import AuditLine
from orchestration.admin.access import ReadOnlyAdmin, caller_of
from orchestration.admin.streaming import send_file
from orchestration.admin.times import moment_column
from orchestration.admin.visible import mark_unseen

_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


class ActFilter(SimpleListFilter):
    """By what was done; the words are a list of their own, so that no table is read for them."""

    title = "what was done"
    parameter_name = "act"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return all acts."""
        return [(act.value, act.value.replace("_", " ")) for act in Act]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditLine]) -> QuerySet[AuditLine]:
        """Narrow the list."""
        return queryset.filter(act=self.value()) if self.value() else queryset


class AuditedQueueFilter(RelatedFieldListFilter):
    """By review queue, of those whose audit the person may read."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the queues."""
        queues = find_queues_of(request, DeskRight.READ_AUDIT).select_related("project")
        return [(str(queue.pk), f"{queue.name} ({queue.project})") for queue in queues]


@admin.register(AuditLine)
class AuditLineAdmin(ReadOnlyAdmin[AuditLine], DeskAdmin[AuditLine]):
    """Lists the audit, the newest line first."""

    right: ClassVar[DeskRight] = DeskRight.READ_AUDIT
    empty_words: ClassVar[str] = (
        "Nothing was seen or done at the review queues whose audit you may read. A line appears when somebody is shown "
        "a ticket, claims or decides it, or changes a queue."
    )
    list_display = (
        moment_column("at", "At"),
        "actor_name",
        "act",
        "ticket_link",
        "queue",
        "door",
        "address",
        "short_digest",
        "said",
    )
    list_display_links = None
    list_filter = (ActFilter, ("queue", AuditedQueueFilter), ("at", DateFieldListFilter), "door")
    list_select_related = ("queue",)
    list_before_template = "admin/escalation/audit/export.html"
    search_fields = ("=actor_name",)
    search_help_text = "Search a user name or the number of a ticket"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditLine]:
        """Return the lines that the person may read."""
        return scope_audit(caller_of(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditLine], search_term: str
    ) -> tuple[QuerySet[AuditLine], bool]:
        """Find by whole user name or, where a number is given, by ticket too, through its index."""
        found, is_doubled = super().get_search_results(request, queryset, search_term)
        number = search_term.strip()
        if is_number(number):
            found |= queryset.filter(ticket=int(number))
        return found, is_doubled

    def get_urls(self) -> list[URLPattern]:
        """Add the copy."""
        export = path(
            "export/<slug:form>/", self.admin_site.admin_view(self.export), name="escalation_auditline_export"
        )
        return [export, *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
        """Send all lines that the person may read as a file; the audit tells that somebody took it along."""
        if request.method != "POST":
            return HttpResponseNotAllowed(("POST",))
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in FORMS:
            raise Http404(f"There is no form {form}; known: {', '.join(sorted(FORMS))}.")
        lines = export_lines(scope_audit(caller_of(request)), AuditFilter(), person_of(request), form)
        return send_file(request, FORMS[form](lines), _TYPES[form], f"audit.{form}")

    @admin.display(description="Ticket", ordering="ticket")
    def ticket_link(self, line: AuditLine) -> SafeString | str:
        """Return the ticket's number as a link to its page."""
        if line.ticket_id is None:
            return "-"
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:escalation_ticket_change", args=(line.ticket_id,)),
            line.ticket_id,
        )

    @admin.display(description="Over")
    def short_digest(self, line: AuditLine) -> str:
        """Return the beginning of the digest of what was judged."""
        return line.digest[:12] or "-"

    @admin.display(description="More")
    def said(self, line: AuditLine) -> SafeString:
        """Return what else was told."""
        return mark_unseen("" if line.data_json == "{}" else line.data_json[:300])
