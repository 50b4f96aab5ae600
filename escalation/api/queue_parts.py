"""What belongs to a review queue: its targets and its reason codes. Each list is changed as a whole."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as ModelInvalid
from django.db import models, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.desk_rights import DeskRight
from escalation.errors import QueueNotFound
from escalation.models import ReasonCode, ReviewQueue, SlaTarget
from escalation.queues import describe_queue, record_change
from escalation.selectors import find_queues, require_desk
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text
from orchestration.domain.rights import Right
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import Caller

_MOST_LINES = 200


class TargetLine(Body):
    """How long tickets of an SLA class may wait."""

    sla = Text(max_length=100)
    first_touch_seconds = serializers.FloatField(help_text="Until somebody claims the ticket.")
    resolution_seconds = serializers.FloatField(help_text="Until it is decided.")


class ReasonLine(Body):
    """A reason that can be given."""

    code = serializers.SlugField(max_length=50)
    label = Text(max_length=200)  # type: ignore[assignment]
    kinds = serializers.ListField(
        child=serializers.ChoiceField([kind.value for kind in ResolutionKind]),
        allow_empty=False,
        help_text="Decisions for which it can be given.",
    )


class TargetsBody(Body):
    """All targets of a queue."""

    targets = serializers.ListField(child=TargetLine(), max_length=_MOST_LINES)


class ReasonsBody(Body):
    """All reason codes of a queue."""

    reason_codes = serializers.ListField(child=ReasonLine(), max_length=_MOST_LINES)


class _Parts(ApiView):
    """One list of a queue.

    Attributes: part: its name, in the address's answer and on the queue's row.  key: what stands in it once.
    """

    rights: ClassVar[dict[str, Right]] = {"PUT": Right.MANAGE}
    part: ClassVar[str]
    key: ClassVar[str]
    row: ClassVar[type[models.Model]]
    body: ClassVar[type[Body]]

    def show(self, queue: ReviewQueue) -> Response:
        """Return the list as it stands."""
        lines = getattr(queue, self.part).order_by(self.key)
        return Response(self.body({self.part: lines}).data)

    def change(self, project: str, queue: str) -> Response:
        """Put another list in its place, in one piece, and tell it.

        Raises: ValidationError: names the line and field at fault; nothing was changed.
        """
        found = find_queue(self.caller, project, queue, DeskRight.MANAGE)
        lines = self.read_body(self.body)[self.part]
        with transaction.atomic():
            # Two who change it at once do so one after the other, so that each tells what they found.
            ReviewQueue.objects.select_for_update().get(pk=found.pk)
            before = describe_queue(found)
            rows = [self.row(queue=found, **line) for line in lines]
            check_lines(self.part, self.key, rows)
            getattr(found, self.part).all().delete()
            getattr(found, self.part).bulk_create(rows)
            record_change(self.person, found, "queue", before, describe_queue(found))
        return self.show(found)


class QueueTargets(_Parts):
    """How long the tickets of a queue may wait."""

    part: ClassVar[str] = "targets"
    key: ClassVar[str] = "sla"
    row: ClassVar[type[models.Model]] = SlaTarget
    body: ClassVar[type[Body]] = TargetsBody

    @extend_schema(operation_id="list_queue_targets", responses=TargetsBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show how long the tickets of a review queue may wait, by SLA class."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_targets", request=TargetsBody, responses=TargetsBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change how long the tickets of a review queue may wait: what is left out is gone. Open ones keep theirs."""
        return self.change(project, queue)


class QueueReasons(_Parts):
    """Why the tickets of a queue are decided as they are."""

    part: ClassVar[str] = "reason_codes"
    key: ClassVar[str] = "code"
    row: ClassVar[type[models.Model]] = ReasonCode
    body: ClassVar[type[Body]] = ReasonsBody

    @extend_schema(operation_id="list_queue_reasons", responses=ReasonsBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show the reason codes of a review queue."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_reasons", request=ReasonsBody, responses=ReasonsBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change the reason codes of a review queue: what is left out is gone; decisions keep their code."""
        return self.change(project, queue)


def find_queue(caller: Caller, project: str, queue: str, right: DeskRight = DeskRight.LOOK) -> ReviewQueue:
    """Return a review queue that the caller may look into and do this at.

    Raises: QueueNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    found = find_queues(caller).filter(project__slug=project, slug=queue).select_related("project").first()
    if found is None:
        raise QueueNotFound(project, queue)
    require_desk(caller, found, right)
    return found


def check_row(row: models.Model) -> None:
    """Refuse a row that its model refuses.

    Raises: ValidationError: by field.
    """
    try:
        row.clean()
    except ModelInvalid as error:
        raise serializers.ValidationError(error.message_dict) from error


def check_lines(name: str, key: str, rows: Sequence[models.Model]) -> None:
    """Refuse lines that their model refuses, and a second one of the same key.

    Raises: ValidationError: names the line, from 0, and the field.
    """
    faults: dict[str, Mapping[str, Any]] = {}
    seen: set[Any] = set()
    for number, row in enumerate(rows):
        try:
            row.clean()
        except ModelInvalid as error:
            faults[str(number)] = error.message_dict
        if key and getattr(row, key) in seen:
            faults[str(number)] = {key: f"'{getattr(row, key)}' stands here twice"}
        seen.add(getattr(row, key) if key else None)
    if faults:
        raise serializers.ValidationError({name: faults})
