"""States of a ticket and the only list of edges between them.

*Claimed* is no state: it is derived from the claim's lease, so that an expired claim is free by itself.
"""

from enum import StrEnum


class TicketStatus(StrEnum):
    """Where a ticket stands."""

    OPEN = "open"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class DeadlineKind(StrEnum):
    """The two clocks of a ticket."""

    FIRST_TOUCH = "first_touch"
    RESOLUTION = "resolution"


CLOSED = frozenset({TicketStatus.RESOLVED, TicketStatus.WITHDRAWN})
"""A ticket in one of these never changes again."""

TICKET_EDGES: dict[tuple[TicketStatus, TicketStatus], str] = {
    (TicketStatus.OPEN, TicketStatus.RESOLVED): "resolve",
    (TicketStatus.OPEN, TicketStatus.WITHDRAWN): "withdraw",
}
