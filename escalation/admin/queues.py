"""Review queues and missed deadlines."""

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin
from django.db.models import BooleanField, Case, Count, Q, QuerySet, When
from django.http import Http404, HttpRequest
from django.urls import NoReverseMatch

from escalation.admin.access import DeskAdmin, find_queues_of, has_desk_right
from escalation.admin.clock_settings import BreachActionInline, EscalationLevelInline, SnoozeReasonInline
from escalation.admin.members import QueueRoleInline
from escalation.admin.messages import QueueChannelInline
from escalation.admin.queue_parts import QueueForm, ReasonInline, TargetInline
from escalation.admin.row_forms import ONE_LINE
from escalation.domain.desk_rights import DeskRight
from escalation.domain.sla import describe_duration
from escalation.domain.states import TicketStatus
from escalation.escrow import settle_change
from escalation.models import Breach, Calendar, ReviewQueue
from escalation.queues import describe_queue, give_first_targets, record_deletion
from escalation.selectors import LARGE_COLUMNS, find_known_queues, find_shown_queues
from escalation.selectors.channels import describe_team_channels
from orchestration.admin.access import ScopedAdmin, caller_of, has_right
from orchestration.admin.times import moment_column
from orchestration.domain.rights import Right
from orchestration.selectors.scope import find_projects

if TYPE_CHECKING:
    # unfold ships no types; its lists are Django's.
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList


class QueueList(ChangeList):
    """The list of queues; those of which one may only know that they are lead nowhere."""

    def url_for_result(self, result: Any) -> str:
        """Return the address of a queue's settings.

        Raises: NoReverseMatch: they are not for this person; the cell is then shown without a link.
        """
        if not result.is_shown:
            raise NoReverseMatch(f"the settings of {result} are for its own roles")
        return str(super().url_for_result(result))


@admin.register(ReviewQueue)
class ReviewQueueAdmin(ScopedAdmin[ReviewQueue]):
    """Teams' queues. A queue named like an SLA class gets that class's tickets. Admins of a project change its own."""

    empty_words: ClassVar[str] = (
        "Each project gets its default queue with its first ticket. Add one with the name of an SLA class "
        "to give that class a queue of its own."
    )
    project: ClassVar[str] = ""
    form = QueueForm
    formfield_overrides = ONE_LINE
    readonly_fields = ("team_is_told",)
    fieldsets = (
        (None, {"fields": (("project", "slug", "name"), "is_restricted")}),
        (
            "Who gets a ticket",
            {"classes": ["tab"], "fields": ("assignment", "needs_all_tags", "throttled_agents")},
        ),
        (
            "How it is decided",
            {
                "classes": ["tab"],
                "fields": (
                    ("seats", "votes_needed"),
                    "grace_seconds",
                    "bulk_allowed",
                    "hand_on_agents",
                    "reasons_required",
                    "passing_edits",
                ),
            },
        ),
        (
            "Clocks and mail",
            {
                "classes": ["tab"],
                "fields": ("calendar", "warn_at", "snooze_stops_clock", "mail_shows_content", "team_is_told"),
            },
        ),
    )
    list_display = ("name", "slug", "project", "is_restricted", "waiting")
    list_select_related = ("project",)
    inlines = (
        QueueChannelInline,
        TargetInline,
        ReasonInline,
        QueueRoleInline,
        EscalationLevelInline,
        BreachActionInline,
        SnoozeReasonInline,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewQueue]:
        """Count what waits, where the person may look; of the others that their projects have, only the names show."""
        rows: QuerySet[ReviewQueue] = super().get_queryset(request)
        known = find_known_queues(caller_of(request)).order_by().values("pk")
        seen = Q(pk__in=find_queues_of(request).order_by().values("pk"))
        is_open = Q(tickets__status=TicketStatus.OPEN)
        shown = find_shown_queues(caller_of(request)).order_by().values("pk")
        return rows.filter(pk__in=known).annotate(
            open_tickets=Case(When(seen, then=Count("tickets", filter=is_open))),
            is_shown=Case(When(pk__in=shown, then=True), default=False, output_field=BooleanField()),
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ReviewQueue:
        """Return a queue whose settings the person may read, as the API does.

        Raises: Http404: there is none, or they may only know that it exists.
        """
        queue: Any = super().get_object(request, object_id, from_field)
        if not queue.is_shown:
            raise Http404(f"The settings of the review queue {queue} are for its own roles.")
        return cast("ReviewQueue", queue)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Link only to what may be opened."""
        return QueueList

    def has_view_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let in who may look at any queue; rows are found by it."""
        return has_desk_right(request, DeskRight.LOOK)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let admins of a project make queues for it."""
        return has_right(request, Right.MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let its admins change a queue."""
        return has_desk_right(request, DeskRight.MANAGE, obj.pk if obj else None)

    def get_readonly_fields(self, request: HttpRequest, obj: ReviewQueue | None = None) -> tuple[str, ...]:
        """Keep a queue in its project: its tickets would change hands with it."""
        return ("project", "team_is_told") if obj else ("team_is_told",)

    def has_delete_permission(self, request: HttpRequest, obj: ReviewQueue | None = None) -> bool:
        """Let its admins delete a queue; the database keeps one that has tickets."""
        return self.has_change_permission(request, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the projects that the person is an admin of."""
        if db_field.name == "project":
            kwargs["queryset"] = find_projects(caller_of(request), Right.MANAGE)
        if db_field.name == "calendar":
            projects = find_projects(caller_of(request)).order_by().values("pk")
            kwargs["queryset"] = Calendar.objects.filter(project__in=projects)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ReviewQueue, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save the queue itself, and keep how it was."""
        request.queue_before = describe_queue(obj) if change else {}  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Save what belongs to the queue, and tell all that was changed.

        A new queue gets the targets of the settings after its own lines, for the classes that it has none for.
        """
        super().save_related(request, form, formsets, change)
        if not change:
            give_first_targets(form.instance)
        person: Any = request.user
        before = request.queue_before  # type: ignore[attr-defined]
        settle_change(person, form.instance, before)

    @admin.display(description="How its team is told")
    def team_is_told(self, queue: ReviewQueue) -> str:
        """Return over which channels, or that nobody is told."""
        return describe_team_channels(queue)

    def delete_model(self, request: HttpRequest, obj: ReviewQueue) -> None:
        """Delete a queue that has no tickets and no audit yet, and tell what it was."""
        person: Any = request.user
        before = describe_queue(obj)
        super().delete_model(request, obj)
        record_deletion(person, obj, before)

    @admin.display(description="Open tickets", ordering="open_tickets")
    def waiting(self, queue: ReviewQueue) -> int | None:
        """Return how many tickets wait in it; nothing where the person may not look."""
        count: int | None = queue.open_tickets  # type: ignore[attr-defined]  # annotated above
        return count


@admin.register(Breach)
class BreachAdmin(DeskAdmin[Breach]):
    """Missed deadlines, for reading."""

    empty_words: ClassVar[str] = (
        "No deadline was missed. A line appears when a ticket is not looked at, or not decided, in time; "
        "what is due next is at the top of the tickets."
    )
    queue: ClassVar[str] = "ticket__queue"
    list_display = (
        "ticket",
        "deadline",
        moment_column("due_at", "Due at"),
        moment_column("found_at", "Found at"),
        "found_late_by",
    )
    list_filter = ("deadline",)
    list_select_related = ("ticket",)
    ordering = ("-due_at",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Breach]:
        """Leave out what the tickets are about."""
        rows: QuerySet[Breach] = super().get_queryset(request)
        return rows.defer(*(f"ticket__{name}" for name in LARGE_COLUMNS if "__" not in name))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Breaches are found, not made."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Breach | None = None) -> bool:
        """Breaches are evidence."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Breach | None = None) -> bool:
        """Breaches are evidence."""
        return False

    @admin.display(description="Found after")
    def found_late_by(self, breach: Breach) -> str:
        """Return how long after the due time it was found."""
        return describe_duration(breach.found_after)
