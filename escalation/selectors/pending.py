"""What was decided on a ticket and waits to take effect. Reads only."""

from typing import Any

from escalation.models import PendingResolution, Ticket


def find_pending_of(ticket: Ticket) -> PendingResolution | None:
    """Return the decision of an open ticket that has not taken effect; None: there is none."""
    if ticket.decided_at is None or not ticket.is_open:
        return None
    # Lists and pages read it with the ticket.
    return getattr(ticket, "pending", None)


def summarise_pending(ticket: Ticket) -> dict[str, Any] | None:
    """Return that decision in the words of the public interface."""
    pending = find_pending_of(ticket)
    if pending is None:
        return None
    return {
        "resolution": pending.kind,
        "decided_by": pending.decided_by.get_username(),
        "decided_at": pending.decided_at.isoformat(),
        "takes_effect_at": pending.takes_effect_at.isoformat(),
    }
