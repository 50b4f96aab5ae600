"""Which tickets there are. Reads only; `scope.py` says which of them somebody may see."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.functions import Left

from escalation.domain.states import TicketStatus
from escalation.errors import TicketNotFound
from escalation.models import ReviewQueue, Ticket
from orchestration.domain.states import ResolutionKind

_RELATED = ("queue__project", "run", "step", "claimed_by", "resolved_by", "forecast", "pending__decided_by")
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
    "pending__output_json",
    "pending__feedback",
    "pending__note",
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


def count_aborted(run_ids: Sequence[UUID]) -> int:
    """Return how many of these runs people aborted, at a ticket of theirs or of a run below them."""
    aborted = Ticket.objects.filter(run__root_id__in=run_ids, resolution=ResolutionKind.ABORT)
    return aborted.aggregate(count=Count("run__root_id", distinct=True))["count"] or 0


def with_beginnings(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Add `asked`: the beginning of the JSON that the run was given. Ask `find_inputs_withheld` who may see it."""
    return tickets.annotate(asked=Left("run__input_json", _BEGINNING))


def with_content(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Add to listed tickets what is judged, typed and decided."""
    return tickets.defer(None).defer(*OUTPUTS)


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
