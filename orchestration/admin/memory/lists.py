"""The list of what is remembered, as it stands or stood at a time, and the ways to the pages of keys and orders."""

from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.domain.memories import MOST_KEY, MOST_LIKE, normalise
from agents.domain.notebook import MemoryScope
from orchestration.admin.access import ReadOnlyAdmin, caller_of, has_right
from orchestration.admin.memory.forgetting import show_forgetting
from orchestration.admin.memory.lines import link_owner, link_writer, say
from orchestration.admin.memory.page import build_memory_page, find_memory
from orchestration.admin.memory.writing import show_writing
from orchestration.admin.project_filter import ProjectFilter
from orchestration.admin.rows_lists import AddingList, WrittenList
from orchestration.admin.times import moment_column, read_written
from orchestration.admin.visible import mark_unseen
from orchestration.domain.rights import Right
from orchestration.memory.rows import MOST_SCOPE_ID
from orchestration.memory.searching import narrow_to_subject
from orchestration.memory.vectors import are_enabled
from orchestration.models import Memory
from orchestration.selectors.memories_shown import order_alike, scope_memories, search, show_memories

_MOST: Final = {"of": MOST_SCOPE_ID, "prefix": MOST_KEY, "about": MOST_KEY, "like": MOST_LIKE}
_WRITTEN: Final = (*_MOST, "at")


class ScopeFilter(SimpleListFilter):
    """By whose it is."""

    title = "scope"
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the scopes."""
        return [(scope.value, scope.value.capitalize()) for scope in MemoryScope]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Memory]) -> QuerySet[Memory]:
        """Narrow the list."""
        return queryset.filter(scope=self.value()) if self.value() in list(MemoryScope) else queryset


class MemoryList(WrittenList, AddingList):
    """A list that is narrowed by what is written into a form, too, and knows what may be shown of a page's rows."""

    written = _WRITTEN

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        """Put what is like a text in order, of what is left by all the rest."""
        rows = super().get_queryset(request, *args, **kwargs)
        like = _read_written(request)["like"]
        return order_alike(rows, like, caller_of(request).user_id) if like.strip() else rows

    def add(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask what may be shown of them."""
        shown = show_memories(rows, caller_of(request).user_id)
        for row in rows:
            row.shown = shown[row.pk]


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin[Memory]):
    """What is remembered, by whose it is and key."""

    empty_words: ClassVar[str] = (
        "Nothing is remembered in your projects, or nothing that you ask for. Agents remember with `task.remember`; "
        "people write a memory here, with `write_memory` or over the API."
    )
    list_display = (
        "key_shown",
        "owner",
        "says",
        "version_shown",
        "writer",
        moment_column("valid_from", "Since"),
        "project",
    )
    list_display_links = ("key_shown",)
    list_filter = (ScopeFilter, ProjectFilter)
    list_before_template = "admin/orchestration/memory/narrow.html"
    search_fields = ("key",)
    search_help_text = "What a key, a value or a search text holds"
    ordering = ("scope", "scope_id", "key", "pk")
    sortable_by = ()
    form_templates = frozenset({"memory/write.html", "memory/forget.html"})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that a form narrows."""
        return MemoryList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Memory]:
        """Narrow by what is written into the form; as it stood, if a time is."""
        written = _read_written(request)
        at, fault = read_written("at", request.GET.get("at", ""))
        rows = scope_memories(caller_of(request), at=at)
        if fault or any(_find_fault(name, text) for name, text in written.items()):
            return rows.none()
        exact = {"scope_id": written["of"].strip(), "key__startswith": normalise(written["prefix"])}
        rows = rows.filter(**{name: text for name, text in exact.items() if text})
        return narrow_to_subject(rows, written["about"].strip()) if written["about"].strip() else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Memory], search_term: str
    ) -> tuple[QuerySet[Memory], bool]:
        """Find what holds a text, of what somebody may look through."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return search(queryset, term.replace("\x00", " "), caller_of(request).user_id), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with what the form was given and what is wrong with it."""
        written = _read_written(request)
        faults = [_find_fault(name, text) for name, text in written.items()]
        kept = [(name, request.GET[name]) for name in ("scope", "project", "q") if request.GET.get(name)]
        more = {
            "title": "Memory",
            "written": written,
            "at": request.GET.get("at", ""),
            "stood_at": read_written("at", request.GET.get("at", ""))[0],
            "is_narrowed": any(written.values()) or bool(request.GET.get("at")),
            "faults": [
                fault for fault in (*faults, read_written("at", request.GET.get("at", ""))[1]) if fault
            ],
            "kept": kept,
            "by_meaning": are_enabled(),
            "may_write": has_right(request, Right.RUN),
            "may_forget": has_right(request, Right.MANAGE),
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def get_urls(self) -> list[URLPattern]:
        """Add the pages on which people write and forget."""
        write = self.admin_site.admin_view(self.write_view)
        forget = self.admin_site.admin_view(self.forget_view)
        return [
            path("write/", write, name="orchestration_memory_write"),
            path("forget/", forget, name="orchestration_memory_forget"),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the key of a memory with all its versions."""
        found = find_memory(request, object_id)
        return self.render_page(request, "memory/page.html", build_memory_page(request, found))

    def write_view(self, request: HttpRequest) -> HttpResponse:
        """Ask what is to be remembered; a POST writes it."""
        self.require_view(request)
        return show_writing(self, request)

    def forget_view(self, request: HttpRequest) -> HttpResponse:
        """Show what would be forgotten, and ask why; a POST forgets it."""
        self.require_view(request)
        return show_forgetting(self, request)

    @admin.display(description="Key")
    def key_shown(self, memory: Memory) -> SafeString:
        """Return the key."""
        return format_html('<span class="rm-name">{}</span>', mark_unseen(memory.key))

    @admin.display(description="Of")
    def owner(self, memory: Memory) -> SafeString:
        """Return whose it is."""
        return link_owner(memory)

    @admin.display(description="Says")
    def says(self, memory: Any) -> SafeString:
        """Return how its value begins."""
        return format_html('<span class="rm-reason">{}</span>', say(memory, memory.shown))

    @admin.display(description="Version")
    def version_shown(self, memory: Memory) -> str:
        """Return which version counts."""
        return f"v{memory.version}"

    @admin.display(description="Written by")
    def writer(self, memory: Memory) -> SafeString:
        """Return who wrote it."""
        return link_writer(memory)


def _read_written(request: HttpRequest) -> dict[str, str]:
    """Return what is written into the form; PostgreSQL can't hold a NUL."""
    return {name: request.GET.get(name, "").replace("\x00", " ") for name in _MOST}


def _find_fault(name: str, text: str) -> str:
    return (
        f"{name}: {len(text):,} characters; give at most {_MOST[name]:,}" if len(text) > _MOST[name] else ""
    )
