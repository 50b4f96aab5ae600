"""Deciding a ticket: its close and the step's release are one transaction, and it happens once."""

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.domain.form import check_form
from escalation.domain.resolution import NOT_GIVEN, Choice
from escalation.domain.states import TicketStatus
from escalation.escrow.alarming import tell_of_refusal
from escalation.escrow.checks import (
    require_claim,
    require_fields,
    require_reason,
    require_seen,
    require_way,
)
from escalation.escrow.closing import Decider, close_ticket, describe_chosen
from escalation.escrow.pending import answer_pending, hold_back
from escalation.escrow.rows import (
    lock_ticket,
    look_at,
    require_active,
    require_no_requester,
    require_open,
)
from escalation.escrow.votes import cast_vote, find_answer
from escalation.models import ReviewQueue, Ticket
from escalation.selectors.seats import sit
from orchestration import holds
from orchestration.conf import get_conf as get_engine_conf
from orchestration.domain.hold_fields import OUTPUT, Scope
from orchestration.domain.receipts import digest_text
from orchestration.domain.states import ResolutionKind
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
    agent: str = "",
    reason_code: str = "",
    scope: Scope | None = None,
) -> Ticket:
    """Decide the ticket and let its step go on, in one transaction; the same call again gets the same answer.

    In a review queue with a grace period the decision is kept, and takes effect after it: see `pending.py`. Where
    several people decide it is a vote, which decides the ticket if it makes enough that agree: see `votes.py`.

    Args:
        ticket_id: the ticket.
        user: who decides.
        kind: what is decided.
        claim_number: the claim under which the person decided; None: whichever live claim the person holds.
        seen_digest: SHA-256 of what the person saw; None: the caller showed it in the same breath.
        output: JSON value, with `edit`, which refuses to do without.
        feedback: for the agent, with `send_back`.
        note: for colleagues.
        agent: who shall do the step, with `hand_on`.
        reason_code: one of the review queue's; some decisions may need one.
        scope: how far it reaches, with `close` in a child run.
    Returns: the resolved ticket, or the open one whose decision waits to take effect, or on which others vote.

    Raises:
        AlreadyVoted: they have, otherwise.
        DecisionPending: it is decided otherwise, and that has not taken effect.
        TicketNotClaimed: no claim of this person's.
        ResolutionStale: the claim ran out or was replaced, or something else stands there; nothing changed.
        TicketResolved, TicketWithdrawn: decided otherwise, or closed.
        OwnRequest: they asked for the run.
        ResolutionInvalid, TicketNotFound, ReviewerInactive: named in the message.
        StepNotHeld, ResolutionRefused: the engine's own refusals.
    """
    require_active(user)
    choice = Choice.build(
        kind,
        output,
        feedback,
        note,
        agent=agent,
        reason_code=reason_code,
        scope=scope,
        max_bytes=get_engine_conf().MAX_COLLECTED_BYTES,
    )
    looked_at = look_at(ticket_id)
    if not looked_at.is_open:
        return _answer_closed(looked_at, user, choice)
    try:
        with transaction.atomic():
            settle = _resolve if looked_at.holds_step else _judge
            return settle(looked_at, user, choice, claim_number, seen_digest)
    except StepNotHeld:
        # Somebody decided between our look and our lock; if in the same way, it is one decision sent twice.
        ticket = look_at(ticket_id)
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
    held = holds.lock_for_resolution(looked_at.step_id, choice.scope)
    ticket, now = lock_ticket(looked_at.pk)
    answered = _find_answer(ticket, user, choice)
    if answered is not None:
        return answered
    require_no_requester(ticket, user)
    require_claim(sit(ticket, user.pk), user, claim_number, now)
    require_seen(ticket, ticket.seen_digest, seen_digest)
    way = require_way(ticket, choice.kind)
    if way.takes_proposal:
        require_seen(ticket, digest_text(held.seen_json or ""), seen_digest)
    queue = _queue_of(ticket, looked_at)
    agents = holds.list_next_agents(holds.find_spec_of(held), held.agent, queue.hand_on_agents)
    require_fields(held, queue, choice, agents if choice.agent else [])
    if way.field is OUTPUT:
        check_form(ticket.form, choice.output)
    if way.answers:
        holds.check_answer(held, way, choice.output_json, choice.feedback)
    decider, votes = Decider(user), []
    if ticket.has_quorum:
        agreed = cast_vote(ticket, user, choice, way)
        if agreed is None:
            return ticket
        decider, choice, votes = Decider(user, voters=agreed.voters), agreed.choice, agreed.told
    elif queue.grace_seconds:
        return hold_back(ticket, user, choice, queue.grace_seconds, now)
    # Closed first: whatever open tickets the engine withdraws with the run, this one is decided.
    put_out = ticket.seen_json if way.takes_proposal else choice.output_json
    close_ticket(ticket, decider, choice, put_out, now, votes=votes)
    holds.resolve_held_step(held, describe_chosen(ticket, decider, choice, way))
    return ticket


def _judge(
    looked_at: Ticket,
    user: AbstractBaseUser,
    choice: Choice,
    claim_number: int | None,
    seen_digest: str | None,
) -> Ticket:
    """Keep what a person thinks of accepted work; its step and run are neither locked nor changed."""
    ticket, now = lock_ticket(looked_at.pk)
    if not ticket.is_open:
        return _answer_closed(ticket, user, choice)
    if ticket.decided_at is not None:
        return answer_pending(ticket, user, choice)
    require_no_requester(ticket, user)
    require_claim(ticket, user, claim_number, now)
    require_seen(ticket, ticket.seen_digest, seen_digest)
    way = require_way(ticket, choice.kind)
    queue = _queue_of(ticket, looked_at)
    require_reason(queue, choice)
    if queue.grace_seconds:
        return hold_back(ticket, user, choice, queue.grace_seconds, now)
    close_ticket(
        ticket, Decider(user), choice, ticket.seen_json if way.takes_proposal else choice.output_json, now
    )
    tell_of_refusal(ticket, now)
    return ticket


def _find_answer(ticket: Ticket, user: AbstractBaseUser, choice: Choice) -> Ticket | None:
    """Return a locked ticket on which this very decision was made before; None: nothing was decided by them.

    Raises: TicketResolved, TicketWithdrawn, DecisionPending, AlreadyVoted: something else was.
    """
    if not ticket.is_open:
        return _answer_closed(ticket, user, choice)
    if ticket.decided_at is not None:
        return answer_pending(ticket, user, choice)
    return find_answer(ticket, user, choice)


def _queue_of(ticket: Ticket, looked_at: Ticket) -> ReviewQueue:
    """Return the ticket's queue; read with the first look, unless it went to another one since."""
    return looked_at.queue if looked_at.queue_id == ticket.queue_id else ticket.queue


def _answer_closed(ticket: Ticket, user: AbstractBaseUser, choice: Choice) -> Ticket:
    """Return the ticket if it was closed by this very decision, or after this very vote; refuse otherwise."""
    if find_answer(ticket, user, choice) is not None:
        return ticket
    if ticket.status == TicketStatus.RESOLVED and ticket.resolved_by_id == user.pk:
        edited = None if choice.output_json is None else ticket.resolution_output_json
        made = replace(
            choice,
            kind=ResolutionKind(ticket.resolution or choice.kind),
            output_json=edited,
            feedback=ticket.feedback,
            note=ticket.note,
            agent=ticket.handed_to,
            reason_code=ticket.reason_code,
            scope=Scope(ticket.scope) if ticket.scope else None,
        )
        if made == choice:
            return ticket
    require_open(ticket)
    raise AssertionError("a ticket that is not open is refused")
