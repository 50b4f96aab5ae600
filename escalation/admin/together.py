"""Deciding alike tickets together: the list to choose from, the preview under one's claims, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from escalation.admin.decisions import LIST, PAGE, person_of, read_kind, read_scope
from escalation.admin.whole import ValueView, view_part
from escalation.audit import record_seen
from escalation.domain.desk_rights import DeskRight
from escalation.domain.excerpt import excerpt, excerpt_json
from escalation.errors import AuditUnavailable, EscalationError, ResolutionInvalid
from escalation.escrow import (
    MOST_TOGETHER,
    BulkLine,
    BulkResult,
    claim_alike,
    list_bulk_ways,
    release_ticket,
    resolve_alike,
)
from escalation.models import Ticket, read_clock
from escalation.selectors import (
    find_inputs_withheld,
    find_spec,
    find_ticket,
    list_alike,
    list_hand_on_agents,
    list_reason_codes,
    list_scopes,
    read_plan,
    scope_tickets,
    with_content,
)
from orchestration.admin.access import caller_of
from orchestration.admin.visible import mark_unseen
from orchestration.domain.hold_fields import SCOPE_WORDS
from orchestration.domain.holds import WAY_OF
from orchestration.domain.spec import Review
from orchestration.domain.states import ResolutionKind

_EXCERPT = 140
_MOST_DIGITS = 18
_IN_GRACE = "decided ({}); that takes effect later, and can be taken back until then"


@dataclass(frozen=True, slots=True)
class LineView:
    """One ticket that is decided with others. Attributes: bound: its claim and what was seen, as the form sends it."""

    ticket: Ticket
    bound: str
    asked: SafeString
    proposal: ValueView | None


def can_be_together(ticket: Ticket) -> bool:
    """Tell whether the ticket's review queue lets several be decided together."""
    return ticket.queue.bulk_allowed and not ticket.queue.has_quorum and ticket.seats == 1


def count_alike(request: HttpRequest, ticket: Ticket) -> int:
    """Return how many alike open tickets the person may decide, up to one more than fit together."""
    if not ticket.is_open or not can_be_together(ticket):
        return 0
    return list_alike(caller_of(request), ticket).values("pk")[: MOST_TOGETHER + 1].count()


def build_alike_page(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """Return the list to choose from: alike open tickets, those due first on top."""
    now, person = read_clock(), person_of(request)
    found = list_alike(caller_of(request), ticket)[: MOST_TOGETHER + 1]
    rows = [
        {
            "ticket": one,
            "title": mark_unseen(one.title or excerpt(one.reason, _EXCERPT)),
            "holder": one.claimed_by if one.is_claimed(now) and one.claimed_by_id != person.pk else None,
            "confidence": "" if one.confidence is None else f"{one.confidence:.0%}",
        }
        for one in found[:MOST_TOGETHER]
    ]
    return {
        "title": f"Tickets like {ticket.pk}",
        "ticket": ticket,
        "rows": rows,
        "is_cut": len(found) > MOST_TOGETHER,
        "most": MOST_TOGETHER,
        "is_barred": not can_be_together(ticket),
    }


def choose_together(request: HttpRequest) -> HttpResponse:
    """Preview what was ticked in the inbox; the first of them says to what the others must be alike."""
    numbers = _read_numbers(request)
    try:
        if not numbers:
            raise ResolutionInvalid("tickets: tick the tickets that you want to decide together.")
        return preview_together(request, numbers[0])
    except EscalationError as error:
        messages.error(request, str(error))
    return redirect(LIST)


def preview_together(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Claim what was chosen and show all that one decision would be about."""
    anchor = find_ticket(caller_of(request), ticket_id, DeskRight.DECIDE)
    results = claim_alike(anchor, _read_numbers(request), person_of(request), caller_of(request))
    claimed = [result.ticket for result in results if result.ticket]
    lines = [BulkLine(one.pk, one.claim_number, one.seen_digest) for one in claimed]
    return _show_preview(request, anchor, lines, [result for result in results if result.error])


def resolve_together(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Decide all lines with the button that was pressed, and show what became of each."""
    anchor = find_ticket(caller_of(request), ticket_id, DeskRight.DECIDE)
    lines, form = _read_lines(request), request.POST
    try:
        kind = read_kind(form)
        results = resolve_alike(
            anchor,
            lines,
            person_of(request),
            caller_of(request),
            kind,
            feedback=form.get("feedback", "") if kind is ResolutionKind.SEND_BACK else "",
            note=form.get("note", ""),
            agent=form.get("agent", "") if kind is ResolutionKind.HAND_ON else "",
            reason_code=form.get("reason_code", ""),
            scope=read_scope(form) if kind is ResolutionKind.CLOSE else None,
        )
    except EscalationError as error:
        return _show_preview(request, anchor, lines, [], refusal=error)
    done = sum(result.error is None for result in results)
    waits = any(result.ticket is not None and result.ticket.is_open for result in results)
    context = {
        "title": f"{done} of {len(results)} {_IN_GRACE.format(kind) if waits else WAY_OF[kind].done}",
        "ticket": anchor,
        "results": results,
        "done": WAY_OF[kind].done,
    }
    return _show(request, "together_done.html", context)


def release_together(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Give all claims of a preview back."""
    for line in _read_lines(request):
        try:
            find_ticket(caller_of(request), line.ticket_id, DeskRight.DECIDE)
            release_ticket(line.ticket_id, person_of(request))
        except EscalationError:
            continue  # it is no longer theirs, which is what they want
    messages.info(request, "Your claims on these tickets are given back; nothing was decided.")
    return redirect(PAGE, ticket_id)


def _show_preview(
    request: HttpRequest,
    anchor: Ticket,
    lines: Sequence[BulkLine],
    left_out: Sequence[BulkResult],
    *,
    refusal: EscalationError | None = None,
) -> HttpResponse:
    numbers = [line.ticket_id for line in lines]
    found = with_content(scope_tickets(caller_of(request), DeskRight.DECIDE)).filter(pk__in=numbers)
    tickets = {ticket.pk: ticket for ticket in found}
    shown = [(line, tickets[line.ticket_id]) for line in lines if line.ticket_id in tickets]
    try:
        for _, ticket in shown:
            record_seen(ticket, person_of(request))
    except AuditUnavailable as error:
        answer: HttpResponse = _desk().hide(request, error)
        return answer
    withheld = find_inputs_withheld([ticket for _, ticket in shown], request.user.pk)
    spec = find_spec(anchor.step, read_plan(anchor))
    review = spec.review if spec else None
    context = {
        "title": f"Decide {len(shown)} tickets together",
        "ticket": anchor,
        "lines": [_view(line, ticket, review, is_withheld=ticket.pk in withheld) for line, ticket in shown],
        "left_out": left_out,
        "refusal": refusal,
        "ways": [
            {"way": one.way, "barred": next(iter(one.barred.values()), "")}
            for one in list_bulk_ways([ticket for _, ticket in shown])
        ],
        "typed": request.POST,
        "agents": list_hand_on_agents(anchor),
        "reason_codes": list_reason_codes(anchor),
        "scopes": [(scope, SCOPE_WORDS[scope]) for scope in list_scopes(anchor)],
    }
    return _show(request, "together.html", context, status=400 if refusal else 200)


def _view(line: BulkLine, ticket: Ticket, review: Review | None, *, is_withheld: bool) -> LineView:
    asked = "(not shown)" if is_withheld else excerpt_json(ticket.run.input_json, _EXCERPT)
    return LineView(
        ticket,
        f"{line.ticket_id}:{line.claim_number}:{line.seen_digest}",
        mark_unseen(ticket.title or asked),
        view_part(ticket, "proposal", review),
    )


def _read_numbers(request: HttpRequest) -> list[int]:
    sent = [text for text in request.POST.getlist("tickets") if text.isascii() and text.isdecimal()]
    return [int(text) for text in sent if len(text) <= _MOST_DIGITS]


def _read_lines(request: HttpRequest) -> list[BulkLine]:
    """Return the lines of the form.

    Raises: ResolutionInvalid: one of them is none of ours.
    """
    lines = []
    for text in request.POST.getlist("line"):
        number, _, bound = text.partition(":")
        claim, _, digest = bound.partition(":")
        if not all(
            part.isascii() and part.isdecimal() and len(part) < _MOST_DIGITS for part in (number, claim)
        ):
            raise ResolutionInvalid("line: choose the tickets again and use the buttons of the page.")
        lines.append(BulkLine(int(number), int(claim), digest))
    return lines


def _show(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    answer: HttpResponse = _desk().show(request, template, context, status=status)
    return answer


def _desk() -> Any:
    return admin.site.get_model_admin(Ticket)
