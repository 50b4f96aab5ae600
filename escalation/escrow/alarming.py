"""Telling a queue's leads what needs them, in the transaction in which it came about; each is told once."""

from datetime import datetime
from typing import Any

from escalation.domain.notices import Happening
from escalation.models import Ticket
from escalation.notify import announce
from escalation.selectors.people import list_leads
from orchestration.domain.states import ResolutionKind


def tell_of_refusal(ticket: Ticket, now: datetime) -> None:
    """Tell a queue's leads, and its channels, that accepted work was refused."""
    if ticket.resolution == ResolutionKind.REFUSE:
        _tell_leads(Happening.AUDIT, ticket, agent=ticket.agent, confidence=ticket.confidence, at=now)


def ask_leads(ticket: Ticket) -> None:
    """Tell a queue's leads, and its channels, that a ticket is theirs: several people can't decide it.

    How anybody voted is told to nobody: a message may go where others read.
    """
    _tell_leads(Happening.LEAD, ticket, votes=ticket.votes_cast, seats=ticket.seats)


def _tell_leads(happening: Happening, ticket: Ticket, **data: Any) -> None:
    leads = list_leads(ticket.queue).values_list("pk", flat=True)
    announce(happening, key=f"{happening}:{ticket.pk}", ticket=ticket, people=leads, to_queue=True, **data)
