"""Which tickets there are, and which of them somebody may see. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Case, Count, Q, QuerySet, When
from django.db.models.functions import Left

from escalation.conf import get_conf
from escalation.domain.states import TicketStatus
from escalation.errors import TicketNotFound
from escalation.models import ClockTimestamp, ReviewQueue, Ticket
from orchestration.domain.rights import Right
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import Caller, require, scope_rows

_PROJECT = "queue__project"
_RELATED = ("queue__project", "run", "step", "claimed_by", "resolved_by")
# A mebibyte each: what a step gave is on its own page, and a ticket has its own copy of what is judged.
OUTPUTS = ("step__output_json", "step__proposed_json")
_BEGINNING = 4_000
LARGE_COLUMNS: Final = (
    "seen_json",
    "draft_json",
    "resolution_output_json",
    "feedback",
    "note",
    "run__input_json",
    "step__item_json",
    "step__spec_json",
    "step__feedback",
    *OUTPUTS,
)
"""What lists leave out, as seen from a ticket with its run and step."""


def list_tickets(queue: str | None = None, project: str | None = None) -> QuerySet[Ticket]:
    """Return all tickets, optionally of one queue or project (by slug), those due first at the top.

    Without what is judged, typed and decided: a list shows none of it.
    """
    tickets = Ticket.objects.select_related(*_RELATED).defer(*LARGE_COLUMNS)
    if queue is not None:
        tickets = tickets.filter(queue__slug=queue)
    if project is not None:
        tickets = tickets.filter(queue__project__slug=project)
    return tickets.order_by("due_at", "pk")


def list_open_tickets(queue: str | None = None, project: str | None = None) -> QuerySet[Ticket]:
    """Return the tickets that wait for a decision, those due first at the top."""
    return list_tickets(queue, project).filter(status=TicketStatus.OPEN)


def list_offered_tickets(caller: Caller) -> QuerySet[Ticket]:
    """Return the open tickets that nobody holds, in the order in which the caller is to take them.

    Those due first at the top, but last what they gave back themselves. None of a run that they requested: it waits
    for a colleague.
    """
    is_free = Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=ClockTimestamp())
    is_own = Q(run__requested_by__isnull=False, run__requested_by=caller.user_id)
    gave_back = Case(When(released_by=caller.user_id, then=1), default=0)
    free = list_open_tickets().filter(is_free & ~is_own).order_by(gave_back, "due_at", "pk")
    return scope_rows(caller, free, _PROJECT, Right.REVIEW)


def find_claimed_since(caller: Caller, since: datetime) -> Ticket | None:
    """Return the ticket that the caller has claimed, or renewed their claim on, since a moment, and still holds."""
    lease = get_conf().claim_lease
    return list_open_tickets().filter(claimed_by=caller.user_id, claim_expires_at__gt=since + lease).first()


def count_aborted(run_ids: Sequence[UUID]) -> int:
    """Return how many of these runs people aborted, at a ticket of theirs or of a run below them."""
    aborted = Ticket.objects.filter(run__root_id__in=run_ids, resolution=ResolutionKind.ABORT)
    return aborted.aggregate(count=Count("run__root_id", distinct=True))["count"] or 0


def scope_tickets(caller: Caller) -> QuerySet[Ticket]:
    """Return the tickets that a caller may see, as lists show them."""
    return scope_rows(caller, list_tickets(), _PROJECT)


def with_beginnings(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Add `asked`: the beginning of the JSON that the run was given."""
    return tickets.annotate(asked=Left("run__input_json", _BEGINNING))


def with_content(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Add to listed tickets what is judged, typed and decided."""
    return tickets.defer(None).defer(*OUTPUTS)


def find_ticket(caller: Caller, ticket_id: int, right: Right = Right.VIEW) -> Ticket:
    """Return a ticket that the caller may see and do this with.

    Raises: TicketNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    ticket = with_content(scope_tickets(caller)).filter(pk=ticket_id).first()
    if ticket is None:
        raise TicketNotFound(ticket_id)
    require(caller, ticket.queue.project, right)
    return ticket


def get_ticket(ticket_id: int) -> Ticket:
    """Return one ticket with its run, step, queue and people.

    Raises: TicketNotFound: no such ticket.
    """
    try:
        return with_content(list_tickets()).get(pk=ticket_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound(ticket_id) from None


def known_queues() -> list[str]:
    """Return the slugs of all review queues, sorted."""
    return sorted(set(ReviewQueue.objects.values_list("slug", flat=True)))
