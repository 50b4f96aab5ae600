"""What can be asked about tickets. Reads only.

`tickets.py` says which there are, `scope.py` for whom, `offers.py` and `neighbours.py` which is next. Of one ticket,
`received.py` tells what its step was given, `verdicts.py` what its verifiers said, `blast.py` what a decision sets off,
`similar.py` how alike work was decided, `alike.py` what can be decided together, and `summary.py` all that the public
interface says.
"""

from escalation.selectors.alike import find_irreversible, list_alike
from escalation.selectors.blast import Blast, Follower, find_spec, foresee_blast, read_plan
from escalation.selectors.choices import (
    list_hand_on_agents,
    list_open_ways,
    list_reason_codes,
    list_scopes,
)
from escalation.selectors.clock import describe_calendar, summarise_clock
from escalation.selectors.comments import list_comments
from escalation.selectors.hidden import find_hidden, find_inputs_withheld, find_withheld
from escalation.selectors.neighbours import find_neighbours
from escalation.selectors.offers import find_claimed_since, for_others, list_offered_tickets
from escalation.selectors.people import find_decider
from escalation.selectors.received import Received, count_received, list_attempts, list_received
from escalation.selectors.scope import (
    find_known_queues,
    find_queues,
    find_shown_queues,
    find_ticket,
    is_at_desk,
    is_guest,
    is_widened_to,
    list_desk_rights,
    may_at_ticket,
    may_desk,
    require_desk,
    scope_tickets,
)
from escalation.selectors.similar import Reliability, Similar, find_similar, measure_reliability
from escalation.selectors.summary import (
    foresee_send_back,
    foresee_skips,
    summarise_ticket,
    summarise_without_content,
)
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
from escalation.selectors.verdicts import Verdict, list_verdicts

__all__ = [
    "LARGE_COLUMNS",
    "Blast",
    "Follower",
    "Received",
    "Reliability",
    "Similar",
    "Verdict",
    "count_aborted",
    "count_received",
    "describe_calendar",
    "find_claimed_since",
    "find_decider",
    "find_hidden",
    "find_inputs_withheld",
    "find_irreversible",
    "find_known_queues",
    "find_neighbours",
    "find_queues",
    "find_shown_queues",
    "find_similar",
    "find_spec",
    "find_ticket",
    "find_withheld",
    "for_others",
    "foresee_blast",
    "foresee_send_back",
    "foresee_skips",
    "get_ticket",
    "is_at_desk",
    "is_guest",
    "is_widened_to",
    "known_queues",
    "list_alike",
    "list_attempts",
    "list_comments",
    "list_desk_rights",
    "list_hand_on_agents",
    "list_offered_tickets",
    "list_open_tickets",
    "list_open_ways",
    "list_reason_codes",
    "list_received",
    "list_scopes",
    "list_tickets",
    "list_verdicts",
    "may_at_ticket",
    "may_desk",
    "measure_reliability",
    "read_plan",
    "require_desk",
    "scope_tickets",
    "summarise_clock",
    "summarise_ticket",
    "summarise_without_content",
    "with_beginnings",
    "with_content",
]
