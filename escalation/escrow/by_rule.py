"""What a rule decides when people did not in time: the safe default that the step names, or the abort of its run.

Never an approval. Receipt and ticket name the rule where a person would stand.
"""

from typing import Final

from django.db import transaction

from escalation.domain.resolution import Choice
from escalation.escrow.checks import require_unclaimed
from escalation.escrow.closing import Decider, close_ticket, describe_chosen
from escalation.escrow.rows import lock_ticket, look_at, require_open
from escalation.escrow.seats import require_seats_unheld
from escalation.models import Ticket
from orchestration import holds
from orchestration.domain.holds import BY_RULE
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ResolutionRefused, StepNotHeld

BREACH: Final = "breach"


def resolve_by_rule(ticket_id: int, kind: ResolutionKind, rule: str = BREACH, *, note: str = "") -> Ticket:
    """Decide an open ticket that nobody holds; the same call again gets the same answer.

    Args: kind: `default` or `abort`.  rule: what decides, as receipts name it: `rule:breach`.
    Returns: the resolved ticket.

    Raises:
        TicketTaken: somebody holds a live claim: wait for its end.
        TicketResolved, TicketWithdrawn, TicketNotFound: named in the message.
        StepNotHeld: its step does not wait any more.
        ResolutionRefused: the step names no safe default, or the rule may not choose this.
    """
    if kind not in BY_RULE:
        raise ResolutionRefused(f"resolution: no rule may choose {kind}; people do")
    looked_at = look_at(ticket_id)
    if not looked_at.holds_step:
        raise ResolutionRefused(f"resolution: nothing waits for ticket {ticket_id}, so no rule decides it")
    decider, choice = Decider(rule=rule), Choice(kind, None, "", note)
    if not looked_at.is_open:
        return _answer_closed(looked_at, kind, rule)
    try:
        with transaction.atomic():
            return _resolve(looked_at, decider, choice)
    except StepNotHeld:
        # Somebody decided between our look and our lock.
        ticket = look_at(ticket_id)
        if ticket.is_open:
            raise
        return _answer_closed(ticket, kind, rule)


def _resolve(looked_at: Ticket, decider: Decider, choice: Choice) -> Ticket:
    held = holds.lock_for_resolution(looked_at.step_id)
    ticket, now = lock_ticket(looked_at.pk)
    if not ticket.is_open:
        return _answer_closed(ticket, choice.kind, decider.rule)
    require_unclaimed(ticket, now)
    require_seats_unheld(ticket, now)
    put_out = holds.write_default(held) if choice.kind is ResolutionKind.DEFAULT else None
    close_ticket(ticket, decider, choice, put_out, now)
    holds.resolve_held_step(held, describe_chosen(ticket, decider, choice, BY_RULE[choice.kind]))
    return ticket


def _answer_closed(ticket: Ticket, kind: ResolutionKind, rule: str) -> Ticket:
    if (ticket.resolved_rule, ticket.resolution) != (rule, kind):
        require_open(ticket)
    return ticket
