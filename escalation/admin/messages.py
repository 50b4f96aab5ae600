"""How messages go out: each channel, what was given up, and every message; the queue's choice of channels."""

from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from escalation.admin.access import has_desk_right
from escalation.admin.row_forms import RowForm
from escalation.conf import get_conf
from escalation.domain.desk_rights import DeskRight
from escalation.domain.notices import HAPPENING_WORDS, TOLD_TO_QUEUES, Happening
from escalation.models import Delivery, QueueChannel, ReviewQueue
from escalation.notify import send_again, send_test
from escalation.selectors.channels import list_channels, scope_messages
from orchestration.admin.access import ReadOnlyAdmin, caller_of
from orchestration.admin.times import moment_column
from orchestration.admin.visible import mark_unseen

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import TabularInline

_MOST_LOST = 50


def _describe_happenings(happenings: list[str]) -> list[tuple[str, str]]:
    """Return what a queue's channel may be chosen for, or was: of the latter what no queue is told says so."""
    known: dict[str, str] = {one.value: HAPPENING_WORDS[one] for one in Happening}
    told = set(TOLD_TO_QUEUES)
    return [
        (one, known.get(one, one) if one in told else f"{known.get(one, one)} (no queue is told of it)")
        for one in happenings
    ]


class ChannelForm(RowForm):
    """A channel of a queue: one that the settings name, for what is ticked."""

    channel = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    happenings = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only for",
        help_text="None: for everything.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        """Offer what the settings name, and what was chosen before."""
        super().__init__(*args, **options)
        names = list(get_conf().channels)
        kept = self.instance.channel
        choices = [(name, name) for name in names]
        if kept and kept not in names:
            choices.append((kept, f"{kept} (the settings name it no more)"))
        cast("forms.ChoiceField", self.fields["channel"]).choices = choices
        # Left out, they would be lost with the next saving, and no choice means everything.
        happenings = cast("forms.MultipleChoiceField", self.fields["happenings"])
        offered = list(TOLD_TO_QUEUES)
        happenings.choices = _describe_happenings(
            [*offered, *(one for one in self.instance.happenings if one not in offered)]
        )


class QueueChannelInline(TabularInline[QueueChannel, ReviewQueue]):
    """Over which channels the queue's team is told what. Its admins decide."""

    model = QueueChannel
    extra = 0
    tab = True
    hide_title = True
    form = ChannelForm
    verbose_name = "channel"
    verbose_name_plural = "Channels"

    def has_view_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let those who work here see them."""
        return has_desk_right(request, DeskRight.LOOK, obj.pk if obj else None)

    def has_add_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins choose."""
        return has_desk_right(request, DeskRight.MANAGE, obj.pk if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins choose."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let the queue's admins choose."""
        return self.has_add_permission(request, obj)


@admin.register(Delivery)
class MessageAdmin(ReadOnlyAdmin[Delivery]):
    """Messages, the newest first, below how their channels do."""

    project: ClassVar[str] = ""
    empty_words: ClassVar[str] = (
        "No message yet. One appears when somebody is told of a ticket: by a level, a breach, a lead."
    )
    list_display = (
        "channel",
        "to_whom",
        "state",
        moment_column("due_at", "Due at"),
        "tries",
        "error",
        moment_column("made_at", "Made at"),
    )
    list_display_links = None
    list_filter = ("channel",)
    list_select_related = ("person",)
    ordering = ("-made_at", "-pk")
    sortable_by = ()
    list_before_template = "admin/escalation/message/channels.html"

    def has_view_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        """Let in whoever may look at any queue: they see their own messages, admins those of their queues."""
        return has_desk_right(request, DeskRight.LOOK)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Return the person's own messages, and those about queues that they administer; superusers see all."""
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.filter(pk__in=scope_messages(caller_of(request)).order_by().values("pk"))

    def get_urls(self) -> list[URLPattern]:
        """Add what the buttons do."""
        again = self.admin_site.admin_view(self.send_again)
        test = self.admin_site.admin_view(self.send_test)
        return [
            path("<uuid:message>/again/", again, name="escalation_delivery_again"),
            path("test/", test, name="escalation_delivery_test"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list below the channels, and for their admins what was given up."""
        self.require_view(request)
        lost = (
            self.get_queryset(request).filter(gave_up_at__isnull=False).order_by("-gave_up_at")[:_MOST_LOST]
        )
        context = {
            "title": "Messages",
            "channels": list_channels() if has_desk_right(request, DeskRight.MANAGE) else [],
            "lost": [(row, self.to_whom(row), self.error(row)) for row in lost],
            "test_url": reverse("admin:escalation_delivery_test"),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def send_again(self, request: HttpRequest, message: UUID) -> HttpResponse:
        """Let a message that was given up be tried anew."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.require_view(request)
        if self.get_queryset(request).filter(pk=message).exists() and send_again(
            message, cast("Any", request.user)
        ):
            messages.success(request, "The message is sent again.")
        else:
            messages.warning(request, "There is no such message that was given up; nothing was changed.")
        return HttpResponseRedirect(reverse("admin:escalation_delivery_changelist"))

    def send_test(self, request: HttpRequest) -> HttpResponse:
        """Send a test: to the person as they chose to be told, or over a channel to whom its settings name."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.require_view(request)
        channel = request.POST.get("channel", "")
        known = [line.name for line in list_channels()] if has_desk_right(request, DeskRight.MANAGE) else []
        if channel and channel not in known:
            messages.warning(request, "There is no such channel, or it is not yours to try.")
        else:
            send_test(cast("Any", request.user), channel)
            messages.success(request, "A test is on its way; the next sweep puts it into the list below.")
        return HttpResponseRedirect(reverse("admin:escalation_delivery_changelist"))

    @admin.display(description="To")
    def to_whom(self, row: Delivery) -> str:
        """Return whom it goes to."""
        if row.person_id is None:
            return "whom the channel names"
        return row.person.get_username() if row.person else "an account that is gone"

    @admin.display(description="State")
    def state(self, row: Delivery) -> SafeString:
        """Return what became of it."""
        return format_html("{}", row.state)

    @admin.display(description="Said last")
    def error(self, row: Delivery) -> SafeString:
        """Return why it was not sent, last."""
        return mark_unseen(row.last_error)
