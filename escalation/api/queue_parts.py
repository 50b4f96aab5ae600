"""What belongs to a review queue: its targets and its reason codes. Each list is changed as a whole.

`queue_people.py` has who works there and how they are told, `queue_clocks.py` what its clocks set off.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError as ModelInvalid
from django.db import models, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.desk_rights import DeskRight
from escalation.errors import QueueNotFound
from escalation.escrow import settle_change
from escalation.models import ReviewQueue
from escalation.queues import describe_queue
from escalation.selectors import find_shown_queues, require_desk
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text
from orchestration.domain.rights import Right
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import Caller

MOST_LINES: Final = 200


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

    targets = serializers.ListField(child=TargetLine(), max_length=MOST_LINES)


class ReasonsBody(Body):
    """All reason codes of a queue."""

    reason_codes = serializers.ListField(child=ReasonLine(), max_length=MOST_LINES)


class QueueParts(ApiView):
    """One list of a queue.

    Attributes:
        part: its name in what is sent and answered.  related: on the queue's row; the same, unless it says otherwise.
        keys: what together stands in it once.  order: in which it is shown.
    """

    rights: ClassVar[dict[str, Right]] = {"PUT": Right.MANAGE}
    part: ClassVar[str]
    related: ClassVar[str] = ""
    keys: ClassVar[tuple[str, ...]]
    body: ClassVar[type[Body]]

    def make_rows(self, queue: ReviewQueue, lines: list[dict[str, Any]]) -> list[Any]:
        """Return the lines as rows that are not saved.

        Raises: ValidationError: names the line and the field.
        """
        return [self.rows_of(queue).model(queue=queue, **line) for line in lines]

    def keep_rows(self, rows: list[Any], lines: list[dict[str, Any]]) -> None:
        """Save rows that were checked."""
        for row in rows:
            row.save(force_insert=True)

    def tell_row(self, row: Any) -> Any:
        """Return a row as its line is shown."""
        return row

    def rows_of(self, queue: ReviewQueue) -> Any:
        """Return the list's rows."""
        return getattr(queue, self.related or self.part)

    def show(self, queue: ReviewQueue) -> Response:
        """Return the list as it stands."""
        rows = self.rows_of(queue).order_by(*self.keys)
        return Response(self.body({self.part: [self.tell_row(row) for row in rows]}).data)

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
            rows = self.make_rows(found, lines)
            check_lines(self.part, self.keys, rows)
            self.rows_of(found).all().delete()
            self.keep_rows(rows, lines)
            settle_change(self.person, found, before)
        return self.show(found)


class QueueTargets(QueueParts):
    """How long the tickets of a queue may wait."""

    part: ClassVar[str] = "targets"
    keys: ClassVar[tuple[str, ...]] = ("sla",)
    body: ClassVar[type[Body]] = TargetsBody

    @extend_schema(operation_id="list_queue_targets", responses=TargetsBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show how long the tickets of a review queue may wait, by SLA class."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_targets", request=TargetsBody, responses=TargetsBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change how long the tickets of a review queue may wait: what is left out is gone. Open ones keep theirs."""
        return self.change(project, queue)


class QueueReasons(QueueParts):
    """Why the tickets of a queue are decided as they are."""

    part: ClassVar[str] = "reason_codes"
    keys: ClassVar[tuple[str, ...]] = ("code",)
    body: ClassVar[type[Body]] = ReasonsBody

    @extend_schema(operation_id="list_queue_reasons", responses=ReasonsBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show the reason codes of a review queue."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_reasons", request=ReasonsBody, responses=ReasonsBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change the reason codes of a review queue: what is left out is gone; decisions keep their code."""
        return self.change(project, queue)


def find_queue(caller: Caller, project: str, queue: str, right: DeskRight | None = None) -> ReviewQueue:
    """Return a review queue whose settings the caller may read, and do this at.

    Args: right: None to read them.
    Raises: QueueNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    shown = find_shown_queues(caller).filter(project__slug=project, slug=queue)
    found = shown.select_related("project").first()
    if found is None:
        raise QueueNotFound(project, queue)
    if right is not None:
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


def check_lines(name: str, keys: Sequence[str], rows: Sequence[models.Model]) -> None:
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
        key = tuple(getattr(row, name) for name in keys)
        if keys and key in seen:
            faults[str(number)] = {keys[0]: f"'{', '.join(map(str, key))}' stands here twice"}
        seen.add(key)
    if faults:
        raise serializers.ValidationError({name: faults})
