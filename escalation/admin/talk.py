"""What else a reviewer does at a ticket: say something about it, and put it off."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from escalation.admin.decisions import LIST, PAGE, keep_what_was_typed, person_of, read_as, read_claim_number
from escalation.admin.ways import SNOOZES
from escalation.errors import ResolutionInvalid
from escalation.escrow import comment_on, snooze_ticket
from escalation.models import read_clock


def comment(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Keep a comment and show the page again, with a word on those who were not told."""
    said = comment_on(ticket_id, person_of(request), request.POST.get("comment", "").replace("\r\n", "\n"))
    if said.untold:
        names = ", ".join(f"@{name}" for name in said.untold)
        messages.warning(
            request, f"Your comment is kept. Nobody was told of it as {names}: no such colleague here."
        )
    return redirect(f"{reverse(PAGE, args=(ticket_id,))}#comments")


def snooze(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Keep what was typed, put the ticket off, and return to the list."""
    keep_what_was_typed(request, read_as(request, ticket_id))
    minutes = _read_minutes(request.POST.get("snooze_minutes", ""))
    snooze_ticket(
        ticket_id,
        person_of(request),
        read_clock() + timedelta(minutes=minutes),
        request.POST.get("snooze_reason", ""),
        read_claim_number(request.POST),
        reason_code=request.POST.get("snooze_code", ""),
    )
    messages.success(
        request, f"Ticket {ticket_id} is put off for {SNOOZES[minutes]}; your draft stays with it."
    )
    return redirect(LIST)


def _read_minutes(text: str) -> int:
    known = {str(minutes): minutes for minutes in SNOOZES}
    if text not in known:
        raise ResolutionInvalid("snooze_minutes: choose for how long the ticket is put off.")
    return known[text]
