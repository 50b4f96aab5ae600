"""What can be asked about tickets. Reads only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, Q, QuerySet, When
from django.db.models.functions import Left

from escalation.conf import get_conf
from escalation.domain.states import TicketStatus
from escalation.errors import TicketNotFound
from escalation.models import ClockTimestamp, ReviewQueue, Ticket
from orchestration.domain.anew import Anew, foresee_anew
from orchestration.domain.rights import Right
from orchestration.domain.states import ResolutionKind, Stage
from orchestration.holds import foresee_skip
from orchestration.models import Attempt, Handoff
from orchestration.selectors.scope import Caller, require, scope_rows

_PROJECT = "queue__project"
_RELATED = ("queue__project", "run", "step", "claimed_by", "resolved_by")
# A mebibyte each: what a step gave is on its own page, and a ticket has its own copy of what is judged.
_OUTPUTS = ("step__output_json", "step__proposed_json")
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
    *_OUTPUTS,
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
    return tickets.defer(None).defer(*_OUTPUTS)


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


@dataclass(frozen=True, slots=True)
class Received:
    """What the step was given by one of its predecessors."""

    step_key: str
    agent: str
    content: Any
    is_summary: bool
    tokens: int


def list_received(ticket: Ticket, limit: int) -> list[Received]:
    """Return what the judged attempt received, in plan order, at most `limit` pieces."""
    # Of what was summarised for the step the original may be a mebibyte, and is not shown.
    whole = Case(When(summary_json__isnull=True, then="from_step__output_json"))
    handoffs = _find_handoffs(ticket).select_related("from_step").annotate(whole=whole)
    handoffs = handoffs.defer(*(f"from_{name}" for name in _OUTPUTS)).order_by("from_step__position")
    return [_read_handoff(handoff) for handoff in handoffs[:limit]]


def count_received(ticket: Ticket) -> int:
    """Return from how many steps the judged attempt received something."""
    return _find_handoffs(ticket).count()


def _find_handoffs(ticket: Ticket) -> QuerySet[Handoff]:
    return Handoff.objects.filter(attempt__step=ticket.step_id, attempt__number=ticket.attempt)


def _read_handoff(handoff: Any) -> Received:
    summary = handoff.summary_json
    sender = handoff.from_step
    return Received(
        step_key=sender.key,
        agent=sender.agent,
        content=json.loads(handoff.whole if summary is None else summary),
        is_summary=summary is not None,
        tokens=handoff.tokens_after,
    )


def list_attempts(ticket: Ticket) -> QuerySet[Attempt]:
    """Return the step's attempts with their decisions, the first first."""
    return Attempt.objects.filter(step=ticket.step_id).select_related("decision").order_by("number")


def foresee_send_back(ticket: Ticket) -> Anew | None:
    """Return what the step will do if its open ticket is sent back; None when that is over, or not offered."""
    way = ticket.ways.get(ResolutionKind.SEND_BACK)
    if not ticket.is_open or way is None or not way.is_offered:
        return None
    return foresee_anew(Stage(ticket.step.stage), has_proposal=ticket.has_proposal)


def summarise_ticket(ticket: Ticket) -> dict[str, Any]:
    """Return one ticket as a JSON object, in the words of the public interface."""
    return {
        **summarise_without_content(ticket),
        "resolutions": _summarise_ways(ticket),
        "send_back": foresee_send_back(ticket),
        "skips_along": foresee_skip(ticket.step_id) if ticket.is_open else [],
        "seen": ticket.seen,
        "output": ticket.resolution_output,
        "feedback": ticket.feedback,
        "note": ticket.note,
    }


def summarise_without_content(ticket: Ticket) -> dict[str, Any]:
    """Return one ticket as a JSON object, without what is judged and what was written: lists stay small."""
    return {
        "id": ticket.pk,
        "status": ticket.status,
        "project": ticket.queue.project.slug,
        "queue": ticket.queue.slug,
        "sla": ticket.sla,
        "workflow": ticket.run.workflow_name,
        "run": str(ticket.run_id),
        "step": ticket.step.key,
        "agent": ticket.step.agent,
        "attempt": ticket.attempt,
        "subject": ticket.subject,
        "rule": ticket.rule,
        "reason": ticket.reason,
        "confidence": ticket.confidence,
        "has_proposal": ticket.has_proposal,
        "seen_digest": ticket.seen_digest,
        **_summarise_clocks(ticket),
        **_summarise_claim(ticket),
        **_summarise_end(ticket),
    }


def _summarise_ways(ticket: Ticket) -> list[dict[str, Any]]:
    """Return what an open ticket can be resolved by; nothing once it is closed."""
    return [
        {"resolution": kind, "effect": way.effect, "needs": way.field and way.field.name}
        for kind, way in ticket.ways.items()
        if ticket.is_open
    ]


def _summarise_clocks(ticket: Ticket) -> dict[str, Any]:
    names = ("opened_at", "first_touch_due_at", "due_at", "touched_at", "resolved_at", "withdrawn_at")
    times = {name: getattr(ticket, name) for name in names}
    return {name: time and time.isoformat() for name, time in times.items()}


def _summarise_claim(ticket: Ticket) -> dict[str, Any]:
    expires_at = ticket.claim_expires_at
    return {
        "claim_number": ticket.claim_number,
        "claimed_by": ticket.claimed_by and ticket.claimed_by.get_username(),
        "claim_expires_at": expires_at and expires_at.isoformat(),
    }


def _summarise_end(ticket: Ticket) -> dict[str, Any]:
    return {
        "resolution": ticket.resolution,
        "resolved_by": ticket.resolved_by and ticket.resolved_by.get_username(),
        "withdrawn_reason": ticket.withdrawn_reason,
    }
