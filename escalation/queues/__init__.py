"""Review queues as data: how they are made, what the rules of a project say, and what people change about them.

Reads settings rows and writes them, with a line of the audit each; knows no claims and decides nothing. Pure questions
(which rule matches, which target counts) are `domain/`'s. Read next: `making.py`, then `reading.py`.
"""

from escalation.queues.changing import (
    describe_profile,
    describe_queue,
    describe_rule,
    record_change,
    record_deletion,
    record_lost_roles,
)
from escalation.queues.making import find_or_make_default, give_first_targets, make_queue
from escalation.queues.preview import MOST_TICKETS, Preview, PreviewLine, preview_routes
from escalation.queues.reading import find_queue_id, list_beside, read_rule, read_rules, read_target

__all__ = [
    "MOST_TICKETS",
    "Preview",
    "PreviewLine",
    "describe_profile",
    "describe_queue",
    "describe_rule",
    "find_or_make_default",
    "find_queue_id",
    "give_first_targets",
    "list_beside",
    "make_queue",
    "preview_routes",
    "read_rule",
    "read_rules",
    "read_target",
    "record_change",
    "record_deletion",
    "record_lost_roles",
]
