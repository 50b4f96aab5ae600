"""Telling a queue's leads what needs them, in the transaction in which it came about; each is told once."""

from datetime import datetime
from typing import Any

from django.db import transaction

from escalation.domain.notices import Happening
from escalation.models import Ticket
from escalation.notify import announce
from escalation.selectors.people import list_leads
from orchestration.budgets.telling import take_untold
from orchestration.domain.budget import Unit, show_amount
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


def tell_of_used_up(pot_id: int) -> None:
    """Tell the leads of the queue whose ticket used up a budget of people's time, and its channels: once a limit."""
    with transaction.atomic():
        pot = take_untold(pot_id)
        if pot is None:
            return
        booked = Ticket.objects.filter(step=pot.by_step, people_pots__contains=[pot_id])
        ticket = booked.select_related("queue").order_by("-pk").first()
        if ticket is None:
            return
        limit, beyond = (show_amount(Unit.HUMAN_SECONDS, amount) for amount in (pot.limit, pot.beyond))
        said = {"limit": limit, "beyond": beyond if pot.beyond else "", "step": pot.step_key or ""}
        _tell_leads(Happening.USED_UP, ticket, about=f"{pot_id}:{pot.limit}", **said)


def _tell_leads(happening: Happening, ticket: Ticket, *, about: str = "", **data: Any) -> None:
    leads = list_leads(ticket.queue).values_list("pk", flat=True)
    key = f"{happening}:{about or ticket.pk}"
    announce(happening, key=key, ticket=ticket, people=leads, to_queue=True, **data)
