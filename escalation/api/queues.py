"""Review queues as their admins change them, and what routing rules would do."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as ModelInvalid
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.desk_rights import DeskRight
from escalation.errors import QueueNotFound
from escalation.models import ReviewQueue
from escalation.queues import describe_queue, record_change
from escalation.selectors import find_queues, require_desk
from orchestration.api.base import ApiView, Body
from orchestration.domain.rights import Right

SETTINGS = (
    "name",
    "assignment",
    "needs_all_tags",
    "seats",
    "votes_needed",
    "grace_seconds",
    "bulk_allowed",
    "hand_on_agents",
    "reasons_required",
    "passing_edits",
    "snooze_stops_clock",
    "mail_shows_content",
    "throttled_agents",
)


class QueueRow(serializers.ModelSerializer[ReviewQueue]):
    """A review queue and how it works."""

    project = serializers.CharField(source="project.slug", read_only=True)

    class Meta:
        model = ReviewQueue
        fields = ("project", "slug", *SETTINGS)


class QueueBody(Body, serializers.ModelSerializer[ReviewQueue]):
    """What is to be changed; what is left out stays."""

    class Meta:
        model = ReviewQueue
        fields = SETTINGS
        extra_kwargs: ClassVar[dict[str, Any]] = {name: {"required": False} for name in SETTINGS}


class QueueList(ApiView):
    """Review queues."""

    queryset = ReviewQueue.objects.none()
    order: ClassVar[tuple[str, ...]] = ("project__slug", "slug", "pk")

    @extend_schema(operation_id="list_queues", responses=QueueRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the review queues that you may look into, with how each works."""
        return self.show_page(find_queues(self.caller).select_related("project"), QueueRow)


class QueueView(ApiView):
    """One review queue."""

    rights: ClassVar[dict[str, Right]] = {"PATCH": Right.MANAGE}

    @extend_schema(operation_id="get_queue", responses=QueueRow)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show how a review queue works."""
        return Response(QueueRow(self._find(project, queue)).data)

    @extend_schema(operation_id="change_queue", request=QueueBody, responses=QueueRow)
    def patch(self, _request: Request, project: str, queue: str) -> Response:
        """Change how a review queue works. It is told in the audit, with what stood there before."""
        found = self._find(project, queue)
        require_desk(self.caller, found, DeskRight.MANAGE)
        body = self.read_body(QueueBody)
        with transaction.atomic():
            before = describe_queue(found)
            for name, value in body.items():
                setattr(found, name, value)
            _check(found)
            found.save(update_fields=list(body))
            record_change(self.person, found, "queue", before, describe_queue(found))
        return Response(QueueRow(found).data)

    def _find(self, project: str, queue: str) -> ReviewQueue:
        found = find_queues(self.caller).filter(project__slug=project, slug=queue).first()
        if found is None:
            raise QueueNotFound(project, queue)
        return found


def _check(queue: ReviewQueue) -> None:
    try:
        queue.clean()
    except ModelInvalid as error:
        raise serializers.ValidationError(error.message_dict) from error
