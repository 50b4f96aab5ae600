"""What people decided on tickets like one: of the same workflow, step and rule, and of the same agent.

Both questions are answered from an index, and read at most so many of the latest rows.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from escalation.domain.states import TicketStatus
from escalation.models import Ticket
from escalation.selectors.judged import JUDGED, STANDS
from escalation.selectors.scope import scope_tickets
from orchestration.database.statements import fetch_all
from orchestration.selectors.scope import Caller

_MOST_COUNTED: Final = 200
_MOST_SHOWN: Final = 5
_MOST_JUDGED: Final = 500
# So far from the stated confidence still counts as the same: ten points in all.
_BAND: Final = 0.05


# Of the latest, whatever their confidence: an index finds them, and the page never reads more.
_RELIABILITY: Final = f"""
SELECT count(*) FILTER (WHERE latest.stands) AS stood, count(*) AS judged FROM (
    SELECT t.confidence, {STANDS} AS stands FROM escalation_ticket t JOIN escalation_reviewqueue q ON q.id = t.queue_id
    WHERE t.agent = %(agent)s AND q.project_id = %(project)s AND {JUDGED}
    ORDER BY t.resolved_at DESC LIMIT {_MOST_JUDGED}
) latest WHERE latest.confidence BETWEEN %(low)s AND %(high)s
"""


@dataclass(frozen=True, slots=True)
class Similar:
    """How alike tickets ended. Attributes: latest: some of them, the last first.  counts: by resolution."""

    latest: tuple[Ticket, ...]
    counts: tuple[tuple[str, int], ...]
    is_cut: bool

    @property
    def total(self) -> int:
        """Return how many were counted."""
        return sum(count for _, count in self.counts)


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often an agent was right when it was about as sure. Attributes: low, high: of the confidence."""

    right: int
    judged: int
    low: float
    high: float


def find_similar(caller: Caller, ticket: Ticket) -> Similar:
    """Return how the latest tickets of the same workflow, step and rule were decided, of those the caller may see."""
    alike = scope_tickets(caller).filter(alike=ticket.alike, status=TicketStatus.RESOLVED)
    rows = alike.exclude(pk=ticket.pk).order_by("-resolved_at")
    found = list(rows.values_list("pk", "resolution")[: _MOST_COUNTED + 1])
    counts = Counter(str(resolution) for _, resolution in found[:_MOST_COUNTED])
    shown = [pk for pk, _ in found[:_MOST_SHOWN]]
    latest = scope_tickets(caller).filter(pk__in=shown).order_by("-resolved_at") if shown else ()
    return Similar(tuple(latest), tuple(counts.most_common()), is_cut=len(found) > _MOST_COUNTED)


def measure_reliability(ticket: Ticket) -> Reliability | None:
    """Return how often the agent's proposals stood at about this confidence; None: none stated.

    Counts hold no content, so those of all queues of the project are counted.
    """
    if ticket.confidence is None or not ticket.agent:
        return None
    low, high = max(0.0, ticket.confidence - _BAND), min(1.0, ticket.confidence + _BAND)
    asked = {"agent": ticket.agent, "project": ticket.queue.project_id, "low": low, "high": high}
    (found,) = fetch_all(_RELIABILITY, asked)
    return Reliability(found.stood, found.judged, low, high)
