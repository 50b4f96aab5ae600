"""What a ticket's step was given and what was tried, for whoever judges it. Reads only."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, QuerySet, When

from escalation.models import Ticket
from escalation.selectors.hidden import find_hidden
from escalation.selectors.tickets import OUTPUTS
from orchestration.domain.states import HandoffKind
from orchestration.models import Attempt, Handoff


@dataclass(frozen=True, slots=True)
class Received:
    """What the step was given by one of its predecessors. `is_hidden`: its queue is restricted; there is no content."""

    step_key: str
    agent: str
    content: Any
    is_summary: bool
    is_hidden: bool
    tokens: int


def list_received(ticket: Ticket, user_id: int | None, limit: int) -> list[Received]:
    """Return what the judged attempt received, in plan order, at most `limit` pieces; without what is not theirs."""
    # Of what was summarised for the step the original may be a mebibyte, and is not shown.
    whole = Case(When(summary_json__isnull=True, then="from_step__output_json"))
    handoffs = _find_handoffs(ticket).select_related("from_step").annotate(whole=whole)
    handoffs = handoffs.defer(*(f"from_{name}" for name in OUTPUTS)).order_by("from_step__position")
    found = list(handoffs[:limit])
    hidden = find_hidden({handoff.from_step_id for handoff in found}, user_id, ticket.queue_id)
    return [_read_handoff(handoff, is_hidden=handoff.from_step_id in hidden) for handoff in found]


def count_received(ticket: Ticket) -> int:
    """Return from how many steps the judged attempt received something."""
    return _find_handoffs(ticket).count()


def _find_handoffs(ticket: Ticket) -> QuerySet[Handoff]:
    return Handoff.objects.filter(
        attempt__step=ticket.step_id, attempt__number=ticket.attempt, kind=HandoffKind.OUTPUT
    )


def _read_handoff(handoff: Any, *, is_hidden: bool) -> Received:
    summary = handoff.summary_json
    sender = handoff.from_step
    return Received(
        step_key=sender.key,
        agent=sender.agent,
        content=None if is_hidden else json.loads(handoff.whole if summary is None else summary),
        is_summary=summary is not None,
        is_hidden=is_hidden,
        tokens=handoff.tokens_after,
    )


def list_attempts(ticket: Ticket) -> QuerySet[Attempt]:
    """Return the step's attempts with their decisions, the first first."""
    return Attempt.objects.filter(step=ticket.step_id).select_related("decision").order_by("number")
