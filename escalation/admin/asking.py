"""The page that asks before a run is aborted: what would be undone, what would stop. Reads only."""

from typing import Any

from django.http import HttpRequest

from escalation.domain.states import TicketStatus
from escalation.escrow.checks import require_way
from escalation.escrow.rows import require_open
from escalation.models import Ticket
from escalation.selectors import scope_tickets
from orchestration.admin.access import caller_of
from orchestration.domain.states import ResolutionKind
from orchestration.holds import foresee_abort

_MOST_SHOWN = 20


def build_abort_page(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """Return the page's context; it carries the claim, the digest and the note of the form it came from.

    Raises: TicketResolved, TicketWithdrawn, ResolutionInvalid: nothing is left to abort here.
    """
    require_open(ticket)
    way = require_way(ticket, ResolutionKind.ABORT)
    outlook = foresee_abort(ticket.run_id)
    return {
        "title": f"Abort the run of ticket {ticket.pk}?",
        "ticket": ticket,
        "way": way,
        "undone": outlook.undone[:_MOST_SHOWN],
        "undone_unseen": max(0, len(outlook.undone) - _MOST_SHOWN),
        # The step that waits here fails; what else is open is cancelled with it.
        "stopped": max(0, outlook.stopped - 1),
        "others": _count_others(request, ticket),
        "is_child": ticket.run.parent_step_id is not None,
        "form": {name: request.POST.get(name, "") for name in ("claim_number", "seen_digest", "note")},
    }


def _count_others(request: HttpRequest, ticket: Ticket) -> int:
    """Return how many other tickets of the run the person may see, which would close with it."""
    seen = scope_tickets(caller_of(request)).filter(run=ticket.run_id, status=TicketStatus.OPEN)
    return seen.exclude(pk=ticket.pk).count()
