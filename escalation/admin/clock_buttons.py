"""Buttons on a ticket's page: leads stop its clocks, let them go on and assign it, a queue's admins plan it anew."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from escalation.admin.decisions import PAGE, person_of
from escalation.domain.desk_rights import DeskRight
from escalation.escrow import pause_ticket, reassign_ticket, replan_ticket, resume_ticket
from escalation.models import Ticket
from escalation.selectors import find_decider, find_ticket
from escalation.selectors.people import list_deciders, list_leads
from orchestration.admin.access import caller_of

_MOST_NAMED: Final = 500


def lead_context(ticket: Ticket, *, may_lead: bool) -> dict[str, Any]:
    """Return what the lead's part of the page shows."""
    if not may_lead or not ticket.is_open:
        return {"may_lead": may_lead}
    if ticket.has_quorum:
        return {"may_lead": True, "assignees": []}
    fit = list_leads if ticket.needs_lead else list_deciders
    people = fit(ticket.queue).values_list("username", flat=True)
    return {"may_lead": True, "assignees": sorted(people[:_MOST_NAMED])}


def assign(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Assign the ticket to somebody, whoever has it."""
    ticket = find_ticket(caller_of(request), ticket_id, DeskRight.LEAD)
    to = find_decider(ticket.queue, request.POST.get("to", ""))
    reassign_ticket(ticket_id, person_of(request), to, request.POST.get("note", ""))
    messages.success(request, f"Ticket {ticket_id} is {to.get_username()}'s first now; its clocks run on.")
    return redirect(PAGE, ticket_id)


def pause(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Stop the clocks."""
    find_ticket(caller_of(request), ticket_id, DeskRight.LEAD)
    pause_ticket(ticket_id, person_of(request), request.POST.get("reason", ""))
    messages.success(request, "The clocks stand still until somebody lets them go on.")
    return redirect(PAGE, ticket_id)


def resume(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Let the clocks go on."""
    find_ticket(caller_of(request), ticket_id, DeskRight.LEAD)
    resume_ticket(ticket_id, person_of(request))
    messages.success(request, "The clocks go on with what was left.")
    return redirect(PAGE, ticket_id)


def replan(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Let the ticket go by its queue's calendar of today."""
    find_ticket(caller_of(request), ticket_id, DeskRight.MANAGE)
    replan_ticket(ticket_id, person_of(request))
    messages.success(request, "The ticket goes by today's calendar: what was used stays used.")
    return redirect(PAGE, ticket_id)
