"""What can be asked about tickets. Reads only.

`tickets.py` says which there are for whom, `received.py` what their steps were given, `summary.py` tells one in the
words of the public interface.
"""

from escalation.selectors.received import Received, count_received, list_attempts, list_received
from escalation.selectors.summary import foresee_send_back, summarise_ticket, summarise_without_content
from escalation.selectors.tickets import (
    LARGE_COLUMNS,
    count_aborted,
    find_claimed_since,
    find_ticket,
    get_ticket,
    known_queues,
    list_offered_tickets,
    list_open_tickets,
    list_tickets,
    scope_tickets,
    with_beginnings,
    with_content,
)

__all__ = [
    "LARGE_COLUMNS",
    "Received",
    "count_aborted",
    "count_received",
    "find_claimed_since",
    "find_ticket",
    "foresee_send_back",
    "get_ticket",
    "known_queues",
    "list_attempts",
    "list_offered_tickets",
    "list_open_tickets",
    "list_received",
    "list_tickets",
    "scope_tickets",
    "summarise_ticket",
    "summarise_without_content",
    "with_beginnings",
    "with_content",
]
