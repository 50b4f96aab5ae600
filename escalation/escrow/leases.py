"""Keeping a claim while somebody works: input renews it, and takes it again after it ran out, if nobody else did."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.conf import get_conf
from escalation.domain.acts import Act
from escalation.errors import ResolutionStale
from escalation.escrow.room import find_capacity, require_room
from escalation.escrow.rows import lock_ticket, require_active, require_waiting
from escalation.escrow.seats import keep_seat
from escalation.models import Ticket
from escalation.selectors.seats import sit


def renew_claim(ticket_id: int, user: AbstractBaseUser, *, claim_number: int, seen_digest: str) -> Ticket:
    """Keep a claim alive because the person works at it; called by a page that had input in the last two minutes.

    A live claim is renewed until an hour after it was made, so that work that is never done comes free. One that ran
    out is taken again, under its number and with its draft, if nobody has claimed the ticket since and what is judged
    is what they saw.

    Returns: the ticket; `claim_expires_at` says until when.

    Raises:
        ResolutionStale: somebody else had it meanwhile, or something else stands there.
        CapacityReached: they took others since it ran out, as many as they are to hold at once.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    with transaction.atomic():
        capacity = find_capacity(user)
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        sit(ticket, user.pk)
        if ticket.claimed_by_id != user.pk or ticket.claim_number != claim_number:
            raise ResolutionStale(
                f"Ticket {ticket_id} is no longer under your claim {claim_number}; copy your text and claim it again."
            )
        if ticket.seen_digest != seen_digest:
            raise ResolutionStale(f"Ticket {ticket_id} no longer shows what you saw; open it again.")
        require_room(ticket, user, capacity, now)
        _extend(ticket, user, now)
        ticket.refresh_from_db()
        sit(ticket, user.pk)
    return ticket


def _extend(ticket: Ticket, user: AbstractBaseUser, now: datetime) -> None:
    conf = get_conf()
    is_live = ticket.is_claimed(now)
    begun_at = (ticket.claimed_at or now) if is_live else now
    until = min(now + conf.claim_lease, begun_at + conf.claim_renewal)
    if is_live and ticket.claim_expires_at and until <= ticket.claim_expires_at:
        return
    if ticket.has_quorum:
        keep_seat(ticket, begun_at, until)
    else:
        Ticket.objects.filter(pk=ticket.pk).update(claimed_at=begun_at, claim_expires_at=until)
    if not is_live:
        record(
            Act.CLAIMED,
            user,
            ticket=ticket,
            digest=ticket.seen_digest,
            claim_number=ticket.claim_number,
            again=True,
        )
