"""What a reviewer's buttons do: read the form, call escrow, answer. The routes allow POST only."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from escalation.admin.access import has_desk_right
from escalation.admin.page import find_output_schema, list_fields
from escalation.domain.desk_rights import DeskRight
from escalation.domain.difference import Change, find_changes
from escalation.domain.draft import Draft
from escalation.domain.form import is_edited, is_typed, read_form, read_output
from escalation.domain.sla import describe_duration
from escalation.errors import NoTicketFree, ResolutionInvalid, ResolutionStale, TicketTaken
from escalation.escrow import (
    claim_next_ticket,
    claim_ticket,
    release_ticket,
    resolve_ticket,
    save_draft,
    take_back_resolution,
)
from escalation.models import Ticket
from escalation.selectors import find_claimed_since, get_ticket
from escalation.selectors.pending import find_pending_of
from escalation.selectors.seats import sit
from orchestration.domain.hold_fields import AGENT, FEEDBACK, OUTPUT, SCOPE, Scope
from orchestration.domain.holds import WAY_OF
from orchestration.domain.moments import read_moment
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import call_as

LIST = "admin:escalation_ticket_changelist"
PAGE = "admin:escalation_ticket_change"


def claim(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Claim the ticket and open its page."""
    try:
        claim_ticket(ticket_id, person_of(request))
    except TicketTaken as error:
        messages.warning(request, str(error))
    return redirect(PAGE, ticket_id)


def claim_next(request: HttpRequest) -> HttpResponse:
    """Claim the free ticket that is due first and open its page; a second click opens the same one."""
    person, caller = person_of(request), call_as(person_of(request))
    since = read_moment(request.POST.get("since", ""))
    taken = find_claimed_since(caller, since) if since else None
    if taken is not None:
        messages.info(request, "You took this ticket from that list already; go back to it for the next one.")
        return _go_on_to(taken)
    try:
        return _go_on_to(claim_next_ticket(person, caller))
    except NoTicketFree as error:
        messages.info(request, str(error))
    return redirect(LIST)


def release(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Keep what was typed, give the claim back with the note for colleagues, and return to the list."""
    if "claim_number" in request.POST:
        keep_what_was_typed(request, read_as(request, ticket_id))
    release_ticket(ticket_id, person_of(request), request.POST.get("note", ""))
    messages.info(request, f"Ticket {ticket_id} is free again; your draft stays with it.")
    return redirect(LIST)


def keep_draft(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Keep what was typed and renew the claim; with `?edit`, open the fields of an output that is large."""
    person = person_of(request)
    save_draft(
        ticket_id,
        person,
        read_draft(request, read_as(request, ticket_id)),
        claim_number=read_claim_number(request.POST),
    )
    claim_ticket(ticket_id, person)
    came = "next&" if "advance" in request.POST else ""
    if "edit" in request.GET:
        return redirect(f"{reverse(PAGE, args=(ticket_id,))}?{came}edit#way-edit")
    messages.success(request, "Draft kept; your claim is renewed.")
    return redirect(f"{reverse(PAGE, args=(ticket_id,))}?{came}".rstrip("?&"))


def discard_draft(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Go back to what was proposed."""
    save_draft(ticket_id, person_of(request), Draft(), claim_number=read_claim_number(request.POST))
    messages.info(request, "Draft discarded; the fields show what was proposed.")
    return redirect(PAGE, ticket_id)


def resolve(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Decide the ticket with the button that was pressed, and return to the list.

    With `?drop`, an approval takes the output as proposed whatever was typed.
    """
    person, ticket = person_of(request), read_as(request, ticket_id)
    kind = read_kind(request.POST)
    keep_what_was_typed(request, ticket)
    output = _read_output(request, ticket, kind)
    resolve_ticket(
        ticket_id,
        person,
        kind,
        claim_number=read_claim_number(request.POST),
        seen_digest=request.POST.get("seen_digest", ""),
        output=output,
        feedback=request.POST.get("feedback", "") if WAY_OF[kind].field is FEEDBACK else "",
        note=request.POST.get("note", ""),
        agent=request.POST.get("agent", "") if WAY_OF[kind].field is AGENT else "",
        reason_code=request.POST.get("reason_code", ""),
        scope=read_scope(request.POST) if SCOPE in WAY_OF[kind].also else None,
    )
    messages.success(request, _say_done(ticket, kind))
    return _advance(request) if "advance" in request.POST else redirect(LIST)


def read_as(request: HttpRequest, ticket_id: int) -> Ticket:
    """Return a ticket as the person sees it: with their own seat as its claim, where several people decide."""
    return sit(get_ticket(ticket_id), person_of(request).pk)


def _say_done(ticket: Ticket, kind: ResolutionKind) -> str:
    stands = get_ticket(ticket.pk)
    pending = find_pending_of(stands)
    if stands.is_open and stands.seats > 1 and pending is None:
        rest = "They do not agree, so a lead decides." if stands.needs_lead else "Your colleagues vote now."
        return f"Your vote on ticket {ticket.pk} is kept: {stands.votes_cast} of {stands.seats} voted. {rest}"
    if pending is None:
        return f"Ticket {ticket.pk} is {ticket.ways[kind].done}."
    wait = describe_duration(pending.takes_effect_at - pending.decided_at)
    return f"Ticket {ticket.pk} is decided ({kind}); that takes effect in {wait}. Until then you can take it back."


def take_back(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Take back a decision that has not taken effect, and open the ticket's page: it is its holder's again."""
    as_lead = has_desk_right(request, DeskRight.LEAD, get_ticket(ticket_id).queue_id)
    take_back_resolution(ticket_id, person_of(request), as_lead=as_lead)
    messages.success(request, "The decision is taken back; nothing took effect.")
    return redirect(PAGE, ticket_id)


def _advance(request: HttpRequest) -> HttpResponse:
    """Claim the next ticket for somebody who takes one after the other; where none is free, show the list."""
    person = person_of(request)
    try:
        return _go_on_to(claim_next_ticket(person, call_as(person)))
    except NoTicketFree as error:
        messages.info(request, str(error))
    return redirect(LIST)


def _go_on_to(ticket: Ticket) -> HttpResponse:
    """Open a ticket that was taken as the next one; its form says so when it is sent."""
    return redirect(f"{reverse(PAGE, args=(ticket.pk,))}?next")


def person_of(request: HttpRequest) -> User:
    """Return who is logged in; the admin site lets nobody else in."""
    return cast("User", request.user)


def read_draft(request: HttpRequest, ticket: Ticket) -> Draft:
    """Return the form as it was sent; what was not sent stays as it was kept."""
    form, kept = request.POST, Draft.from_json(ticket.draft_json)
    typed = {name: form[name].replace("\r\n", "\n") for name in find_typed(request, ticket)}
    return Draft(
        fields=typed or kept.fields,
        feedback=form.get("feedback", kept.feedback),
        note=form.get("note", kept.note),
        author=person_of(request).get_username(),
    )


def find_typed(request: HttpRequest, ticket: Ticket) -> list[str]:
    """Return the names of the fields of the output that were sent; the page of a large one leaves them out."""
    nodes = list_fields(ticket)
    return [name for name in request.POST if is_typed(name, nodes)]


def keep_what_was_typed(request: HttpRequest, ticket: Ticket) -> None:
    """Keep the draft before deciding, so that a refusal loses nothing. Under a lost claim nothing is kept."""
    try:
        save_draft(
            ticket.pk,
            person_of(request),
            read_draft(request, ticket),
            claim_number=read_claim_number(request.POST),
        )
    except ResolutionStale:
        return


def _proposal(ticket: Ticket) -> Any:
    return ticket.seen if ticket.has_proposal else None


def read_kind(form: QueryDict) -> ResolutionKind:
    """Return which button was pressed.

    Raises: ResolutionInvalid: none that is known.
    """
    try:
        return ResolutionKind(form.get("resolution", ""))
    except ValueError:
        raise ResolutionInvalid("resolution: press one of the buttons of the form.") from None


def read_scope(form: QueryDict) -> Scope | None:
    """Return how far a closing is to reach.

    Raises: ResolutionInvalid: as far as nobody can choose.
    """
    try:
        return Scope(str(form["scope"])) if form.get("scope") else None
    except ValueError:
        raise ResolutionInvalid(f"scope: {SCOPE.missing}") from None


def _read_output(request: HttpRequest, ticket: Ticket, kind: ResolutionKind) -> Any:
    """Return the edited output; refuse an approval beside changed fields, which would drop the changes."""
    form = request.POST
    if WAY_OF[kind].takes_proposal and ticket.has_proposal and "drop" not in request.GET:
        _require_unedited(ticket, form)
    if WAY_OF[kind].field is not OUTPUT:
        return None
    if not find_typed(request, ticket):
        raise ResolutionInvalid("output: open the fields of the output, edit it there, then approve.")
    if ticket.form is not None:
        return read_form(ticket.form, _typed(form))
    return read_output(find_output_schema(ticket), _proposal(ticket), _typed(form))


def _require_unedited(ticket: Ticket, form: QueryDict) -> None:
    if is_edited(find_output_schema(ticket), ticket.seen, _typed(form)):
        raise ResolutionInvalid(
            "You changed the text, but approving takes it as proposed. Press “Edit and approve” to approve "
            "your changes, or “Approve as proposed, drop the changes”."
        )


def compare_typed(request: HttpRequest, ticket: Ticket) -> list[Change]:
    """Return how what was typed differs from what somebody else decided meanwhile: (place, decided, typed)."""
    if ticket.resolution_output_json is None or not find_typed(request, ticket) or ticket.form is not None:
        return []
    try:
        typed = read_output(find_output_schema(ticket), _proposal(ticket), _typed(request.POST))
    except ResolutionInvalid:
        return []
    return find_changes(ticket.resolution_output, typed)


def _typed(form: QueryDict) -> dict[str, str]:
    return {name: str(form[name]) for name in form}


def read_claim_number(form: QueryDict) -> int:
    """Return the number of the claim under which a form was shown.

    Raises: ResolutionInvalid: the form names none.
    """
    try:
        return int(form.get("claim_number", ""))
    except ValueError:
        raise ResolutionInvalid("claim_number: open the ticket's page again and use its buttons.") from None
