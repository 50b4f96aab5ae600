"""Tickets that can be decided together: which there are, and what bars it. Reads only."""

from collections.abc import Sequence
from typing import Final

from django.db import connection
from django.db.models import QuerySet

from agents.domain.contract import strip_pin
from agents.selectors import find_contract
from escalation.domain.desk_rights import DeskRight
from escalation.domain.states import TicketStatus
from escalation.models import Ticket
from escalation.selectors.offers import for_others
from escalation.selectors.scope import scope_tickets
from orchestration.domain.holds import WAY_OF, HoldSubject
from orchestration.domain.states import DONE, ResolutionKind, StepStatus
from orchestration.models import Step
from orchestration.selectors.scope import Caller

# Of all tickets together; behind that many steps nobody can say what a decision sets off.
_MOST_BEHIND: Final = 20_000
_BEHIND: Final = """
WITH RECURSIVE behind(root, id) AS (
    SELECT e.predecessor_id, e.successor_id FROM orchestration_edge e WHERE e.predecessor_id = ANY(%s)
    UNION
    SELECT b.root, e.successor_id FROM behind b JOIN orchestration_edge e ON e.predecessor_id = b.id
)
SELECT root, id FROM behind LIMIT %s
"""


def list_alike(caller: Caller, ticket: Ticket) -> QuerySet[Ticket]:
    """Return the open tickets of the same workflow, step and rule that the caller may decide, those due first on top.

    None of a run that they asked for themselves, and none whose decision waits to take effect.
    """
    alike = scope_tickets(caller, DeskRight.DECIDE).filter(
        alike=ticket.alike, status=TicketStatus.OPEN, decided_at=None
    )
    return alike.exclude(alike="").exclude(for_others(caller.user_id)).order_by("due_at", "pk")


def find_irreversible(tickets: Sequence[Ticket], kind: ResolutionKind) -> dict[int, str]:
    """Return why some tickets can't be decided so beside others, by their numbers: an effect that can't be undone.

    What lets the run go on sets off the steps behind; what is sent back, handed on or answered, the step itself once
    more, and calls that are approved themselves. Two queries.
    """
    found: dict[int, str] = {}
    for ticket in tickets:
        # Whatever is said of an audit sets nothing off.
        if ticket.holds_step and _lead_to(ticket, kind) is StepStatus.AVAILABLE:
            found |= _look_at_step(ticket, kind)
    onward = {StepStatus.SUCCEEDED, StepStatus.SKIPPED}
    return found | _look_behind([one for one in tickets if one.holds_step and _lead_to(one, kind) in onward])


def _lead_to(ticket: Ticket, kind: ResolutionKind) -> StepStatus | None:
    """Return where a decision moves a ticket's step: the same word leads elsewhere with another subject."""
    return ticket.ways.get(kind, WAY_OF[kind]).to


def _look_at_step(ticket: Ticket, kind: ResolutionKind) -> dict[int, str]:
    if _is_irreversible(ticket.step.agent):
        return {ticket.pk: _say(ticket.step.key)}
    if ticket.subject == HoldSubject.CALLS and kind in {ResolutionKind.APPROVE, ResolutionKind.EDIT}:
        tools = [call["tool"] for call in ticket.seen["calls"] if not call["reversible"]]
        return {ticket.pk: f"what the call of “{tools[0]}” does then can't be undone"} if tools else {}
    return {}


def _look_behind(tickets: Sequence[Ticket]) -> dict[int, str]:
    if not tickets:
        return {}
    pairs = _find_behind([ticket.step_id for ticket in tickets])
    if len(pairs) > _MOST_BEHIND:
        return dict.fromkeys(
            (ticket.pk for ticket in tickets), "more steps stand behind it than can be looked through"
        )
    waiting = Step.objects.filter(pk__in={step_id for _, step_id in pairs}).exclude(status__in=DONE)
    keys = {
        pk: key for pk, key, agent in waiting.values_list("pk", "key", "agent") if _is_irreversible(agent)
    }
    ticket_of = {ticket.step_id: ticket.pk for ticket in tickets}
    return {ticket_of[root]: _say(keys[step_id]) for root, step_id in pairs if step_id in keys}


def _find_behind(step_ids: list[int]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [step_ids, _MOST_BEHIND + 1])
        return [(root, step_id) for root, step_id in cursor.fetchall()]


def _is_irreversible(agent: str) -> bool:
    contract = find_contract(strip_pin(agent))
    return contract is not None and bool(contract.effects) and not contract.reversible


def _say(step: str) -> str:
    return f"what the step “{step}” does then can't be undone"
