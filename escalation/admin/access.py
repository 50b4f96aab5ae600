"""What the admins of rows of review queues share: everybody sees what their roles at the queues give, and no more."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from escalation.domain.desk_rights import PROJECT_RIGHT_OF, DeskRight
from escalation.models import ReviewQueue
from escalation.selectors import find_queues, is_guest, list_desk_rights
from orchestration.admin.access import Row, ScopedAdmin, caller_of, has_right


def list_rights_at_desk(request: HttpRequest) -> dict[int, frozenset[DeskRight]]:
    """Return what somebody may do at each of their review queues, asked once for all that a page shows."""
    known: dict[int, frozenset[DeskRight]] | None = getattr(request, "desk_rights", None)
    if known is None:
        known = list_desk_rights(caller_of(request))
        request.desk_rights = known  # type: ignore[attr-defined]
    return known


def has_desk_right(request: HttpRequest, right: DeskRight, queue_id: int | None = None) -> bool:
    """Return whether somebody may do this at a review queue; without one, at any, or in a project that has none yet."""
    rights = list_rights_at_desk(request)
    if queue_id is not None:
        return right in rights.get(queue_id, ())
    return any(right in held for held in rights.values()) or has_right(request, PROJECT_RIGHT_OF[right])


def is_guest_at_desk(request: HttpRequest) -> bool:
    """Return whether a ticket was opened to a group of somebody's, asked once for all that a page shows."""
    known: bool | None = getattr(request, "is_desk_guest", None)
    if known is None:
        known = is_guest(caller_of(request))
        request.is_desk_guest = known  # type: ignore[attr-defined]
    return known


def find_queues_of(request: HttpRequest, right: DeskRight = DeskRight.LOOK) -> QuerySet[ReviewQueue]:
    """Return the review queues at which somebody may do this."""
    return find_queues(caller_of(request), right)


class DeskAdmin(ScopedAdmin[Row]):
    """Lists the rows of the person's review queues.

    Attributes:
        queue: the way from a row to its review queue.
        right: what they must be allowed there to see a row.
    """

    project: ClassVar[str] = ""
    queue: ClassVar[str] = "queue"
    right: ClassVar[DeskRight] = DeskRight.LOOK

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        """Return the rows of review queues that are open to the person."""
        rows: QuerySet[Row] = super().get_queryset(request)
        queues: Any = find_queues_of(request, self.right).order_by().values("pk")
        return rows.filter(**{f"{self.queue}__in": queues})

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Let in whoever has the right anywhere; rows are found by it."""
        return has_desk_right(request, self.right)
