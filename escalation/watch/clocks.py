"""What the clocks of open tickets have to tell: warnings, levels, and what queues do at missed deadlines.

One index says which tickets are to be looked at; a look tells what is due and notes the next one.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Final

from django.db import transaction

from escalation.domain.states import TicketStatus
from escalation.escrow.breach_actions import close_by_action
from escalation.escrow.looking import look_at_clocks
from escalation.escrow.policies import ClockPolicy, read_policies
from escalation.models import BreachAction, ClockTimestamp, Ticket, read_clock
from orchestration.maintenance.each import do_each, for_a_while
from orchestration.outages import is_away, is_of_statement

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT: Final = 500
# So many are held at once, for whoever wants to claim one of them meanwhile.
_TOGETHER: Final = 25
_TRIED_AGAIN: Final = timedelta(minutes=1)


def look_at_tickets() -> None:
    """Look at each open ticket whose clocks have something to tell.

    A row that is locked is being claimed or decided at this moment, and is found again by the next sweep.
    """
    due = Ticket.objects.filter(status=TicketStatus.OPEN, next_look_at__lte=ClockTimestamp())
    found = list(due.order_by("next_look_at").values_list("pk", "queue")[:SWEEP_LIMIT])
    if not found:
        return
    policies = read_policies(queue_id for _, queue_id in found)
    for first in for_a_while(range(0, len(found), _TOGETHER)):
        closing = _look_together([pk for pk, _ in found[first : first + _TOGETHER]], policies)
        do_each("close_by_action", for_a_while(closing), lambda one: close_by_action(*one))


def _look_together(ids: Sequence[int], policies: Mapping[int, ClockPolicy]) -> list[tuple[int, BreachAction]]:
    """Look at some at once; where that fails at each alone, so that one that can't be looked at keeps no other."""
    try:
        return _look(ids, policies)
    except Exception as error:
        if is_away(error) and not is_of_statement(error):
            raise
        closing = do_each("look_at_tickets", ids, lambda pk: _look_alone(pk, policies))
        return list(chain.from_iterable(closing))


def _look_alone(ticket_id: int, policies: Mapping[int, ClockPolicy]) -> list[tuple[int, BreachAction]]:
    """Look at one; should that fail, it stands before no other in the next sweeps."""
    try:
        return _look([ticket_id], policies)
    except Exception as error:
        if not (is_away(error) and not is_of_statement(error)):
            later = ClockTimestamp() + _TRIED_AGAIN
            Ticket.objects.filter(pk=ticket_id, status=TicketStatus.OPEN).update(next_look_at=later)
        raise


def _look(ids: Sequence[int], policies: Mapping[int, ClockPolicy]) -> list[tuple[int, BreachAction]]:
    """Look at some, and return what is to be closed: that locks the run before the ticket, and comes after this."""
    with transaction.atomic():
        rows = Ticket.objects.filter(pk__in=ids, status=TicketStatus.OPEN, decided_at=None)
        rows = rows.select_related("calendar_version").defer("seen_json", "draft_json").order_by("pk")
        tickets = list(rows.select_for_update(of=("self",), no_key=True, skip_locked=True))
        moved = {ticket.queue_id for ticket in tickets} - policies.keys()
        return look_at_clocks(tickets, {**policies, **read_policies(moved)}, read_clock()) if tickets else []
