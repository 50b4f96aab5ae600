"""Deciding a ticket: its close and the step's release are one transaction, and it happens once."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.domain.form import check_form
from escalation.domain.resolution import NOT_GIVEN, Choice
from escalation.domain.states import TicketStatus
from escalation.errors import (
    ResolutionInvalid,
    ResolutionStale,
    TicketNotClaimed,
    TicketNotFound,
    TicketResolved,
)
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import settle_clocks
from escalation.escrow.rows import (
    describe_resolution,
    lock_ticket,
    require_active,
    require_no_requester,
    require_open,
)
from escalation.models import Ticket
from orchestration import holds
from orchestration.domain.holds import OUTPUT, WAY_OF, Way, list_kinds
from orchestration.domain.receipts import digest_text
from orchestration.domain.states import ResolutionKind
from orchestration.domain.work import Chosen
from orchestration.errors import StepNotHeld


def resolve_ticket(
    ticket_id: int,
    user: AbstractBaseUser,
    kind: ResolutionKind,
    *,
    claim_number: int | None,
    seen_digest: str | None,
    output: Any = NOT_GIVEN,
    feedback: str = "",
    note: str = "",
) -> Ticket:
    """Decide the ticket and let its step go on, in one transaction; the same call again gets the same answer.

    Args:
        ticket_id: the ticket.
        user: who decides.
        kind: what is decided.
        claim_number: the claim under which the person decided; None: whichever live claim the person holds.
        seen_digest: SHA-256 of what the person saw; None: the caller showed it in the same breath.
        output: JSON value, with `edit`, which refuses to do without.
        feedback: for the agent, with `send_back`.
        note: for colleagues.
    Returns: the resolved ticket.

    Raises:
        TicketNotClaimed: no claim of this person's.
        ResolutionStale: the claim ran out or was replaced, or something else stands there; nothing changed.
        TicketResolved, TicketWithdrawn: decided otherwise, or closed.
        OwnRequest: they asked for the run.
        ResolutionInvalid, TicketNotFound, ReviewerInactive: named in the message.
        StepNotHeld, ResolutionRefused: the engine's own refusals.
    """
    require_active(user)
    choice = Choice.build(kind, output, feedback, note)
    looked_at = _look_at(ticket_id)
    if not looked_at.is_open:
        return _answer_closed(looked_at, user, choice)
    try:
        with transaction.atomic():
            return _resolve(looked_at, user, choice, claim_number, seen_digest)
    except StepNotHeld:
        # Somebody decided between our look and our lock; if in the same way, it is one decision sent twice.
        ticket = _look_at(ticket_id)
        if ticket.is_open:
            raise
        return _answer_closed(ticket, user, choice)


def _resolve(
    looked_at: Ticket,
    user: AbstractBaseUser,
    choice: Choice,
    claim_number: int | None,
    seen_digest: str | None,
) -> Ticket:
    held = holds.lock_for_resolution(looked_at.step_id)
    ticket, now = lock_ticket(looked_at.pk)
    if not ticket.is_open:
        return _answer_closed(ticket, user, choice)
    require_no_requester(ticket, user)
    _require_claim(ticket, user, claim_number, now)
    _require_seen(ticket, ticket.seen_digest, seen_digest)
    way = _require_way(ticket, choice.kind)
    if way.takes_proposal:
        _require_seen(ticket, digest_text(held.proposed_json or ""), seen_digest)
    if way.field is OUTPUT:
        check_form(ticket.form, choice.output)
    # Closed first: whatever open tickets the engine withdraws with the run, this one is decided.
    _close(ticket, user, choice, way, now)
    holds.resolve_held_step(held, _describe(ticket, user, choice, way))
    return ticket


def _look_at(ticket_id: int) -> Ticket:
    try:
        return Ticket.objects.select_related("resolved_by").get(pk=ticket_id)
    except Ticket.DoesNotExist:
        raise TicketNotFound(ticket_id) from None


def _answer_closed(ticket: Ticket, user: AbstractBaseUser, choice: Choice) -> Ticket:
    """Return the ticket if it was closed by this very decision; refuse otherwise."""
    if ticket.status == TicketStatus.RESOLVED and ticket.resolved_by_id == user.pk:
        edited = None if choice.output_json is None else ticket.resolution_output_json
        made = (ticket.resolution, edited, ticket.feedback, ticket.note)
        if made == (choice.kind, choice.output_json, choice.feedback, choice.note):
            return ticket
    require_open(ticket)
    raise TicketResolved(describe_resolution(ticket))


def _require_claim(ticket: Ticket, user: AbstractBaseUser, claim_number: int | None, now: datetime) -> None:
    if claim_number is not None and claim_number != ticket.claim_number:
        raise ResolutionStale(
            f"Ticket {ticket.pk} was claimed again since you opened it (claim {ticket.claim_number}, "
            f"yours was {claim_number}); open it again and look at it anew."
        )
    if ticket.claimed_by_id != user.pk:
        raise TicketNotClaimed(ticket.pk)
    if not ticket.is_claimed(now):
        raise ResolutionStale(
            f"Your claim on ticket {ticket.pk} ran out at {ticket.claim_expires_at:%H:%M:%S} UTC; "
            "claim it again, your draft is kept."
        )


def _require_seen(ticket: Ticket, stands: str, seen_digest: str | None) -> None:
    """Bind the decision to the exact bytes that the person saw; None: they were shown what the ticket says."""
    if stands != (ticket.seen_digest if seen_digest is None else seen_digest):
        raise ResolutionStale(
            f"Ticket {ticket.pk} no longer shows what you saw; open it again, your draft is kept."
        )


def _require_way(ticket: Ticket, kind: ResolutionKind) -> Way:
    """Return what is chosen, if it is there for what the ticket is about and for what was proposed."""
    ways = ticket.ways
    if kind in ways:
        return ways[kind]
    if WAY_OF[kind].takes_proposal:
        raise ResolutionInvalid(
            f"Nothing was proposed on ticket {ticket.pk}, so nothing can be approved; {list_kinds(ways)}."
        )
    raise ResolutionInvalid(f"resolution: {kind} does not go with ticket {ticket.pk}; {list_kinds(ways)}.")


def _close(ticket: Ticket, user: AbstractBaseUser, choice: Choice, way: Way, now: datetime) -> None:
    settle_clocks(ticket, now)
    record_missed([ticket], now)
    put_out = ticket.seen_json if way.takes_proposal else choice.output_json
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        status=TicketStatus.RESOLVED,
        resolution=choice.kind,
        resolved_by=user.pk,
        resolved_at=now,
        resolution_output_json=put_out,
        feedback=choice.feedback,
        note=choice.note,
        claimed_by=None,
        claim_expires_at=None,
        released_by=None,
        snoozed_until=None,
        snooze_reason="",
        next_look_at=None,
        assigned_to=None,
        assigned_until=None,
        draft_json=None,
    )
    ticket.refresh_from_db()


def _describe(ticket: Ticket, user: AbstractBaseUser, choice: Choice, way: Way) -> Chosen:
    """Return a decision as the engine carries it out."""
    return Chosen(
        way=way,
        actor=user.get_username(),
        resolution_id=f"ticket-{ticket.pk}",
        output_json=choice.output_json,
        feedback=choice.feedback,
        reason=choice.note or f"{choice.kind} by {user.get_username()}",
    )
