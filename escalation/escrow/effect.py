"""A decision that waited takes effect: in the one transaction that decides a ticket, once, by the database's clock."""

from datetime import datetime

from django.db import transaction

from escalation.errors import EscalationError
from escalation.escrow.alarming import tell_of_refusal
from escalation.escrow.checks import require_seen, require_way
from escalation.escrow.closing import Decider, close_ticket, describe_chosen
from escalation.escrow.kept import read_choice
from escalation.escrow.pending import void_pending
from escalation.escrow.rows import find_pending, lock_ticket
from escalation.models import PendingResolution, Ticket
from orchestration import holds
from orchestration.domain.hold_fields import Scope
from orchestration.domain.receipts import digest_text
from orchestration.domain.work import HeldStep
from orchestration.errors import ResolutionRefused, StepNotHeld


def carry_out_pending(ticket_id: int) -> bool:
    """Let the decision of a ticket take effect, if its time has come and it is still there.

    What the engine refuses by now, such as an agent that is gone, is void: the ticket is its holder's again.

    Returns: False: nothing was to be carried out, or not yet.
    """
    looked_at = PendingResolution.objects.select_related("ticket").filter(ticket=ticket_id).first()
    if looked_at is None:
        return False
    try:
        with transaction.atomic():
            return _carry_out(looked_at)
    except StepNotHeld:
        return False  # whoever moved the step withdraws the ticket, and the decision with it
    except (ResolutionRefused, EscalationError) as error:
        _void(ticket_id, looked_at, str(error))
        return False


def _carry_out(looked_at: PendingResolution) -> bool:
    held = _lock_step(looked_at)
    ticket, now = lock_ticket(looked_at.ticket_id)
    pending = find_pending(ticket)
    # Taken back, or taken back and decided anew, which may reach further than what was locked: the next look is right.
    if pending is None or pending.decided_at != looked_at.decided_at or pending.takes_effect_at > now:
        return False
    if not pending.decided_by.is_active:
        void_pending(ticket, "the account was switched off", now)
        Ticket.objects.filter(pk=ticket.pk).update(claimed_by=None, claim_expires_at=None)
        return False
    _close(ticket, held, pending, now)
    return True


def _lock_step(looked_at: PendingResolution) -> HeldStep | None:
    """Lock the run and step that wait for the decision; None: it is of an audit, for which nothing waits."""
    if not looked_at.ticket.holds_step:
        return None
    return holds.lock_for_resolution(
        looked_at.ticket.step_id, Scope(looked_at.scope) if looked_at.scope else None
    )


def _close(ticket: Ticket, held: HeldStep | None, pending: PendingResolution, now: datetime) -> None:
    choice, decider = read_choice(pending), Decider(pending.decided_by)
    way = require_way(ticket, choice.kind)
    if held is not None and way.takes_proposal:
        require_seen(ticket, digest_text(held.seen_json or ""), pending.seen_digest)
    PendingResolution.objects.filter(ticket=ticket.pk).delete()
    close_ticket(ticket, decider, choice, ticket.seen_json if way.takes_proposal else choice.output_json, now)
    if held is None:
        tell_of_refusal(ticket, now)
    else:
        holds.resolve_held_step(held, describe_chosen(ticket, decider, choice, way))


def _void(ticket_id: int, looked_at: PendingResolution, why: str) -> None:
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        if ticket.decided_at == looked_at.decided_at:
            void_pending(ticket, why, now)
