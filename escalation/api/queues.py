"""Review queues as their admins change them, and what routing rules would do."""

from typing import Any, ClassVar, Final

from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.queue_parts import check_row, find_queue
from escalation.domain.desk_rights import DeskRight
from escalation.escrow import settle_change
from escalation.models import Calendar, ReviewQueue
from escalation.queues import describe_queue, make_queue, record_change
from escalation.selectors import find_shown_queues
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text, WholeNumber
from orchestration.domain.rights import Right
from orchestration.selectors.scope import find_project, scope_rows

SETTINGS = (
    "name",
    "is_restricted",
    "assignment",
    "needs_all_tags",
    "seats",
    "votes_needed",
    "grace_seconds",
    "bulk_allowed",
    "hand_on_agents",
    "reasons_required",
    "passing_edits",
    "calendar",
    "warn_at",
    "snooze_stops_clock",
    "mail_shows_content",
    "throttled_agents",
)


_MOST_WARNINGS: Final = 20


class QueueRow(serializers.ModelSerializer[ReviewQueue]):
    """A review queue and how it works."""

    project = serializers.CharField(source="project.slug", read_only=True)

    class Meta:
        model = ReviewQueue
        fields = ("id", "project", "slug", *SETTINGS)


class QueueBody(Body, serializers.ModelSerializer[ReviewQueue]):
    """What is to be changed; what is left out stays."""

    calendar = WholeNumber(
        min_value=1,
        max_value=2**63 - 1,
        required=False,
        allow_null=True,
        help_text="Its number in the list of calendars; null: its clocks run around the clock.",
    )
    warn_at = serializers.ListField(
        child=WholeNumber(min_value=1, max_value=100),
        required=False,
        max_length=_MOST_WARNINGS,
        help_text="Warn when so many percent of a clock are used.",
    )

    class Meta:
        model = ReviewQueue
        fields = SETTINGS
        extra_kwargs: ClassVar[dict[str, Any]] = {name: {"required": False} for name in SETTINGS}


class NewQueueBody(Body):
    """A review queue to be made. How it works is changed after that."""

    project = Text(max_length=100)
    slug = serializers.SlugField(
        max_length=100, help_text="Named like an SLA class, it gets the tickets of that class."
    )
    name = Text(max_length=200)


class QueueList(ApiView):
    """Review queues."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}
    queryset = ReviewQueue.objects.none()
    order: ClassVar[tuple[str, ...]] = ("project__slug", "slug", "pk")

    @extend_schema(operation_id="list_queues", responses=QueueRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the review queues that you may look into or manage, with how each works."""
        return self.show_page(find_shown_queues(self.caller).select_related("project"), QueueRow)

    @extend_schema(operation_id="make_queue", request=NewQueueBody, responses={201: QueueRow})
    def post(self, _request: Request) -> Response:
        """Make a review queue for a project. Its targets are those of the settings until you change them."""
        body = self.read_body(NewQueueBody)
        project = find_project(self.caller, body["project"], Right.MANAGE)
        try:
            with transaction.atomic():
                made = make_queue(project.pk, body["slug"], body["name"])
                record_change(self.person, made, "queue", {}, describe_queue(made))
        except IntegrityError as error:
            raise serializers.ValidationError(
                {"slug": "the project has a review queue of this name"}
            ) from error
        return Response(QueueRow(made).data, status=201)


class QueueView(ApiView):
    """One review queue."""

    rights: ClassVar[dict[str, Right]] = {"PATCH": Right.MANAGE}

    @extend_schema(operation_id="get_queue", responses=QueueRow)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show how a review queue works."""
        return Response(QueueRow(find_queue(self.caller, project, queue)).data)

    @extend_schema(operation_id="change_queue", request=QueueBody, responses=QueueRow)
    def patch(self, _request: Request, project: str, queue: str) -> Response:
        """Change how a review queue works. It is told in the audit, with what stood there before."""
        found = find_queue(self.caller, project, queue, DeskRight.MANAGE)
        body = self.read_body(QueueBody)
        with transaction.atomic():
            before = describe_queue(found)
            for name, value in self._resolve(body).items():
                setattr(found, name, value)
            check_row(found)
            found.save(update_fields=list(body))
            settle_change(self.person, found, before)
        return Response(QueueRow(found).data)

    def _resolve(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return what is to be changed with the calendar in the place of its number.

        Raises: ValidationError: there is none, or not for the caller.
        """
        number = body.get("calendar")
        if number is None:
            return body
        calendar = scope_rows(self.caller, Calendar.objects.all()).filter(pk=number).first()
        if calendar is None:
            raise serializers.ValidationError({"calendar": f"you know no calendar {number}"})
        return {**body, "calendar": calendar}
