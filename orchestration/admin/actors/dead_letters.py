"""The list of dead letters: what nobody will read, with why; and sending it again, one or several."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration import actors
from orchestration.admin.access import ReadOnlyAdmin, caller_of, find_by_number, has_right
from orchestration.admin.actors.lines import link_sender
from orchestration.admin.addresses import actor_url, dead_letters_url, message_url, run_url
from orchestration.admin.chips import show_excerpt
from orchestration.admin.times import moment_column
from orchestration.admin.visible import mark_unseen
from orchestration.domain.rights import Right
from orchestration.errors import OrchestrationError
from orchestration.models import Delivery
from orchestration.selectors.mailboxes import list_dead_letters

_MOST_AT_ONCE = 100


@admin.register(Delivery)
class DeadLetterAdmin(ReadOnlyAdmin[Delivery]):
    """Dead letters, the latest first."""

    project: ClassVar[str] = "actor__project"
    empty_words: ClassVar[str] = (
        "No message to an actor of your projects is a dead letter. One becomes so when its turn fails, its actor "
        "is stopped or its mailbox full."
    )
    list_display = (
        "number",
        "address",
        "sender",
        "reason_shown",
        "turn_shown",
        moment_column("ended_at", "Since"),
        "again",
    )
    list_select_related = ("actor", "message")
    search_fields = ("id",)
    search_help_text = "Address of an actor"
    ordering = ("-message",)
    sortable_by = ()
    form_templates = frozenset({"mail/again.html"})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Return what is dead, without what it says."""
        return list_dead_letters(caller_of(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Find by the actor's address."""
        name, slash, key = search_term.strip().replace("\x00", " ").partition("/")
        if not name:
            return queryset, False
        return queryset.filter(actor__name=name, **({"actor__key": key} if slash else {})), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list under its own name."""
        return super().changelist_view(request, {**(extra_context or {}), "title": "Dead letters"})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page of the message, which shows its deliveries."""
        found = find_by_number(self.get_queryset(request), object_id, "dead letter")
        return redirect(message_url(found.message_id))

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks before anything is sent again."""
        again = self.admin_site.admin_view(self.again_view)
        return [path("again/", again, name="orchestration_delivery_again"), *super().get_urls()]

    def again_view(self, request: HttpRequest) -> HttpResponse:
        """Ask whether to send dead letters again; a POST does it."""
        self.require_view(request)
        given = request.POST if request.method == "POST" else request.GET
        ids = _read_ids(given.getlist("id"))
        rows = list(self.get_queryset(request).filter(pk__in=ids).order_by("message", "pk"))
        if any(not has_right(request, Right.RUN, row.actor.project_id) for row in rows) or not has_right(
            request, Right.RUN
        ):
            raise PermissionDenied
        if not rows:
            messages.error(request, "Nothing was sent again: choose dead letters from this list first.")
            return redirect(dead_letters_url())
        if request.method == "POST":
            _send_again(request, rows)
            return redirect(dead_letters_url())
        context = {
            "title": "Send again",
            "lines": [(row, mark_unseen(row.actor.address), link_sender(row.message)) for row in rows],
            "list_url": dead_letters_url(),
            "is_cut": len(ids) > len(rows) or len(given.getlist("id")) > _MOST_AT_ONCE,
            "most": _MOST_AT_ONCE,
        }
        return self.render_page(request, "mail/again.html", context)

    @admin.display(description="Message")
    def number(self, delivery: Delivery) -> str:
        """Return the message's number, which leads to its page."""
        return str(delivery.message_id)

    @admin.display(description="To")
    def address(self, delivery: Delivery) -> SafeString:
        """Return whose mailbox it was in."""
        return format_html(
            '<a class="rm-name" href="{}">{}</a>',
            actor_url(delivery.actor_id),
            mark_unseen(delivery.actor.address),
        )

    @admin.display(description="From")
    def sender(self, delivery: Delivery) -> SafeString:
        """Return who sent it."""
        return link_sender(delivery.message)

    @admin.display(description="Why")
    def reason_shown(self, delivery: Delivery) -> SafeString:
        """Return why it is dead."""
        return format_html('<span class="rm-reason">{}</span>', show_excerpt(delivery.reason))

    @admin.display(description="Turn")
    def turn_shown(self, delivery: Delivery) -> SafeString | str:
        """Return the turn that had it."""
        if delivery.run_id is None:
            return "-"
        return format_html('<a href="{}">{}</a>', run_url(delivery.run_id), delivery.turn)

    @admin.display(description="")
    def again(self, delivery: Delivery) -> SafeString | str:
        """Return the way to send it again."""
        return format_html('<a class="rm-nowrap" href="{}">Send again</a>', again_url([delivery.pk]))


def again_url(ids: list[int]) -> str:
    """Return the address of the page that asks whether to send these again."""
    asked = "&".join(f"id={number}" for number in ids)
    return f"{reverse('admin:orchestration_delivery_again')}?{asked}"


def _read_ids(texts: list[str]) -> list[int]:
    read = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]
    return sorted(set(read))[:_MOST_AT_ONCE]


def _send_again(request: HttpRequest, rows: list[Delivery]) -> None:
    """Send dead letters again in their order, and say of each that can't be why."""
    sent = 0
    for row in rows:
        try:
            actors.send_again(row.pk)
        except OrchestrationError as error:
            messages.error(request, f"Message {row.message_id} was not sent again: {error}")
        else:
            sent += 1
    if sent:
        messages.success(
            request,
            "1 message is in its mailbox again."
            if sent == 1
            else f"{sent} messages are in their mailboxes again.",
        )
