"""What the clocks of open tickets have to tell: warnings, levels, and what queues do at missed deadlines.

One index says which tickets are to be looked at; a look tells what is due and notes the next one.
"""

from django.db import transaction

from escalation.domain.states import TicketStatus
from escalation.escrow.breach_actions import close_by_action
from escalation.escrow.looking import look_at_clocks
from escalation.escrow.policies import ClockPolicy, read_policies
from escalation.models import BreachAction, ClockTimestamp, Ticket, read_clock
from orchestration.maintenance.each import do_each

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT = 200


def look_at_tickets() -> None:
    """Look at each open ticket whose clocks have something to tell.

    A row that is locked is being claimed or decided at this moment, and is found again by the next sweep.
    """
    due = Ticket.objects.filter(status=TicketStatus.OPEN, decided_at=None, next_look_at__lte=ClockTimestamp())
    found = list(due.order_by("next_look_at").values_list("pk", "queue")[:SWEEP_LIMIT])
    if not found:
        return
    policies = read_policies(queue_id for _, queue_id in found)
    do_each("look_at_tickets", (pk for pk, _ in found), lambda pk: _look_and_act(pk, policies))


def _look_and_act(ticket_id: int, policies: dict[int, ClockPolicy]) -> None:
    """Look, and only then close what is to be closed: that locks the run before the ticket."""
    for action in _look(ticket_id, policies)[:1]:
        close_by_action(ticket_id, action)


def _look(ticket_id: int, policies: dict[int, ClockPolicy]) -> list[BreachAction]:
    with transaction.atomic():
        rows = Ticket.objects.filter(pk=ticket_id, status=TicketStatus.OPEN, decided_at=None)
        rows = rows.defer("seen_json", "draft_json")
        ticket = rows.select_for_update(no_key=True, skip_locked=True).first()
        if ticket is None:
            return []
        policy = policies.get(ticket.queue_id) or read_policies([ticket.queue_id])[ticket.queue_id]
        return look_at_clocks(ticket, policy, read_clock())
