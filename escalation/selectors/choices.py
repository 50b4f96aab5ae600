"""What can be filled in with a decision on a ticket: agents, reasons, and how far a closing reaches."""

from typing import Any

from escalation.models import ReasonCode, Ticket
from orchestration import holds
from orchestration.domain.hold_fields import AGENT, SCOPE, Scope
from orchestration.domain.holds import Way
from orchestration.domain.states import ResolutionKind
from orchestration.models import Step


def list_hand_on_agents(ticket: Ticket) -> list[str]:
    """Return the agents that the ticket's step can be handed to."""
    if ResolutionKind.HAND_ON not in ticket.ways:
        return []
    step = Step.objects.select_related("run__workflow").get(pk=ticket.step_id)
    return holds.list_next_agents(holds.read_spec(step), step.agent, ticket.queue.hand_on_agents)


def list_scopes(ticket: Ticket) -> list[Scope]:
    """Return how far a closing may reach; nothing to choose where no other run started this one."""
    return list(Scope) if ticket.run.parent_step_id is not None else []


def list_reason_codes(ticket: Ticket) -> list[ReasonCode]:
    """Return the reasons of the ticket's review queue, in their order."""
    return list(ReasonCode.objects.filter(queue=ticket.queue_id))


def list_open_ways(ticket: Ticket) -> dict[ResolutionKind, Way]:
    """Return the ways that are there for a ticket as things stand: handing on only if there is somebody to take it."""
    ways = ticket.ways
    if ResolutionKind.HAND_ON in ways and not list_hand_on_agents(ticket):
        return {kind: way for kind, way in ways.items() if way.field is not AGENT}
    return ways


def describe_ways(ticket: Ticket) -> list[dict[str, Any]]:
    """Return what an open ticket can be resolved by, each with what it asks for; nothing once it is closed."""
    if not ticket.is_open:
        return []
    codes = list_reason_codes(ticket)
    return [
        {
            "resolution": kind,
            "effect": way.effect,
            "needs": way.field and way.field.name,
            "agents": list_hand_on_agents(ticket) if way.field is AGENT else [],
            "scopes": list_scopes(ticket) if SCOPE in way.also else [],
            "reason_codes": [code.code for code in codes if kind in code.kinds],
            "needs_reason": kind in ticket.queue.reasons_required,
        }
        for kind, way in list_open_ways(ticket).items()
    ]
