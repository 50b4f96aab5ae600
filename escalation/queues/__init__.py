"""Review queues as data: how they are made, what the rules of a project say, and what people change about them.

Reads settings rows and writes them, with a line of the audit each; knows no claims and decides nothing. Pure questions
(which rule matches, which target counts) are `domain/`'s. Read next: `making.py`, then `reading.py`.
"""

from escalation.queues.making import find_or_make_default, make_queue
from escalation.queues.reading import find_queue_id, read_rules, read_target

__all__ = ["find_or_make_default", "find_queue_id", "make_queue", "read_rules", "read_target"]
