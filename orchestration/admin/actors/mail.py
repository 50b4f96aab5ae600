"""The list of messages: who said or published what, to whom or to which topic, and when."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.access import ReadOnlyAdmin, caller_of, find_by_number
from orchestration.admin.actors.lines import kind_chip, link_receiver, link_sender
from orchestration.admin.actors.message_page import build_message_page
from orchestration.admin.actors.words import KIND_WORDS
from orchestration.admin.asked import read_text, read_times
from orchestration.admin.rows_lists import WrittenList
from orchestration.admin.times import moment_column
from orchestration.models import Message
from orchestration.selectors.mailboxes import list_mail, list_pages_of_mail, narrow_mail, order_mail
from orchestration.selectors.topics import list_topics

_MOST_TOPICS = 200
_WRITTEN = ("sender", "topic", "since", "until")


class KindFilter(SimpleListFilter):
    """By kind."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds."""
        return [(kind, words.capitalize()) for kind, words in KIND_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Narrow the list."""
        return queryset.filter(kind=self.value()) if self.value() in KIND_WORDS else queryset


class MailList(WrittenList):
    """Is narrowed by sender and time."""

    written = _WRITTEN


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    """Messages, the newest first."""

    empty_words: ClassVar[str] = (
        "No message was sent in your projects, or none that you ask for. Agents write to each other with `task.send`, "
        "`task.publish` and `task.ask`; people with `actors.send` and `actors.publish`."
    )
    list_display = (
        "number",
        moment_column("sent_at", "Sent"),
        "sender_shown",
        "kind_shown",
        "receiver",
        "fate",
    )
    list_display_links = ("number",)
    list_filter = (KindFilter,)
    list_select_related = ("topic",)
    list_before_template = "admin/orchestration/mail/narrow.html"
    search_fields = ("id",)
    search_help_text = "Number of a message, or its sender"
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that a form narrows."""
        return MailList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Follow the index that finds what is asked for."""
        return order_mail([name for name, value in request.GET.items() if value])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Narrow by sender and time; what was said is for a message's own page."""
        caller = caller_of(request)
        rows = list_mail(caller)
        times = read_times(request)
        if times.faults:
            return rows.none()
        sender, topic = read_text(request, "sender"), read_text(request, "topic")
        return narrow_mail(caller, rows, sender=sender, topic=topic, since=times.since, until=times.until)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        """Find by number or by sender."""
        term = search_term.strip().replace("\x00", " ")
        if not term:
            return queryset, False
        if term.isascii() and term.isdecimal() and len(term) < 19:
            return queryset.filter(pk=int(term)), False
        return narrow_mail(caller_of(request), queryset, sender=term), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with what the form was given and what is wrong with it."""
        times = read_times(request)
        more = {
            "title": "Mail",
            "written": {**{name: read_text(request, name) for name in ("sender", "topic")}, **times.written},
            "is_narrowed": any(request.GET.get(name) for name in _WRITTEN),
            "topics": _list_topics(request),
            "faults": times.faults,
            "kept": [(name, request.GET[name]) for name in ("kind", "q") if request.GET.get(name)],
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one message."""
        found = find_by_number(list_pages_of_mail(caller_of(request)), object_id, "message")
        return self.render_page(request, "mail/page.html", build_message_page(request, found))

    @admin.display(description="Message")
    def number(self, message: Message) -> SafeString:
        """Return its number."""
        return format_html('<span class="rm-mono">{}</span>', message.pk)

    @admin.display(description="From")
    def sender_shown(self, message: Message) -> SafeString:
        """Return who sent it."""
        return link_sender(message)

    @admin.display(description="Kind")
    def kind_shown(self, message: Message) -> SafeString:
        """Return what kind it is of."""
        return kind_chip(message)

    @admin.display(description="To")
    def receiver(self, message: Message) -> SafeString:
        """Return where it went."""
        return link_receiver(message)

    @admin.display(description="Delivered")
    def fate(self, message: Message) -> str:
        """Return whether it was delivered."""
        if message.routed_at is None:
            return "not yet" if message.due_at is None else "when it is due"
        return "not to all" if message.refusal else "yes"


def _list_topics(request: HttpRequest) -> list[str]:
    topics = list_topics(caller_of(request)).select_related(None).order_by("name")
    return list(topics.values_list("name", flat=True).distinct()[:_MOST_TOPICS])
