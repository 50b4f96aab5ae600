"""Telling a queue's leads that people would have refused what was accepted unseen."""

from datetime import datetime

from escalation.domain.notices import Happening
from escalation.models import Ticket
from escalation.notify import announce
from escalation.selectors.people import list_leads
from orchestration.domain.states import ResolutionKind


def tell_leads(ticket: Ticket, now: datetime) -> None:
    """Tell a queue's leads, and its channels, that accepted work was refused; in the transaction of the decision."""
    if ticket.resolution != ResolutionKind.REFUSE:
        return
    announce(
        Happening.AUDIT,
        key=f"audit:{ticket.pk}",
        ticket=ticket,
        people=list_leads(ticket.queue).values_list("pk", flat=True),
        to_queue=True,
        agent=ticket.agent,
        confidence=ticket.confidence,
        at=now,
    )
