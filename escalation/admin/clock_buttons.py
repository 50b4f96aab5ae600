"""Buttons on a ticket's page: leads stop its clocks and let them go on, the queue's admins plan them anew."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from escalation.admin.decisions import PAGE, person_of
from escalation.domain.desk_rights import DeskRight
from escalation.escrow import pause_ticket, replan_ticket, resume_ticket
from escalation.selectors import find_ticket
from orchestration.admin.access import caller_of


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
