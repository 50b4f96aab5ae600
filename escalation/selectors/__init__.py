"""What can be asked about tickets. Reads only.

`tickets.py` says which there are, `scope.py` for whom, `offers.py` which is next, `received.py` what their steps were
given, `summary.py` tells one in the words of the public interface.
"""

from escalation.selectors.offers import find_claimed_since, for_others, list_offered_tickets
from escalation.selectors.received import Received, count_received, list_attempts, list_received
from escalation.selectors.scope import (
    find_known_queues,
    find_queues,
    find_ticket,
    is_at_desk,
    list_desk_rights,
    may_desk,
    require_desk,
    scope_tickets,
)
from escalation.selectors.summary import foresee_send_back, summarise_ticket, summarise_without_content
from escalation.selectors.tickets import (
    LARGE_COLUMNS,
    count_aborted,
    get_ticket,
    known_queues,
    list_open_tickets,
    list_tickets,
    with_beginnings,
    with_content,
)

__all__ = [
    "LARGE_COLUMNS",
    "Received",
    "count_aborted",
    "count_received",
    "find_claimed_since",
    "find_known_queues",
    "find_queues",
    "find_ticket",
    "for_others",
    "foresee_send_back",
    "get_ticket",
    "is_at_desk",
    "known_queues",
    "list_attempts",
    "list_desk_rights",
    "list_offered_tickets",
    "list_open_tickets",
    "list_received",
    "list_tickets",
    "may_desk",
    "require_desk",
    "scope_tickets",
    "summarise_ticket",
    "summarise_without_content",
    "with_beginnings",
    "with_content",
]
