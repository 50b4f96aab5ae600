"""The open tickets before and behind one, in the order of the list."""

from django.db.models import Q

from escalation.domain.states import TicketStatus
from escalation.models import Ticket
from escalation.selectors.scope import scope_tickets
from orchestration.selectors.scope import Caller


def find_neighbours(caller: Caller, ticket: Ticket) -> tuple[int | None, int | None]:
    """Return the open tickets, by number, that are due just before and just after one, of those the caller may see."""
    rows = scope_tickets(caller).filter(status=TicketStatus.OPEN)
    # The first condition says where the index is entered; the second tells apart those that are due together.
    earlier = Q(due_at__lt=ticket.due_at) | Q(pk__lt=ticket.pk)
    later = Q(due_at__gt=ticket.due_at) | Q(pk__gt=ticket.pk)
    before = rows.filter(earlier, due_at__lte=ticket.due_at).order_by("-due_at", "-pk")
    behind = rows.filter(later, due_at__gte=ticket.due_at).order_by("due_at", "pk")
    return before.values_list("pk", flat=True).first(), behind.values_list("pk", flat=True).first()
