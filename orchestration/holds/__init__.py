"""Steps that are held for a person: what each choice would do, and the choice carried out.

Called by the room that keeps the tickets, in its transaction: it locks the step, then its own row, and hands back the
step that it locked. Nothing here knows a ticket. Read next: `resolve.py`.
"""

from orchestration.holds.outlook import AbortOutlook, foresee_abort
from orchestration.holds.resolve import (
    check_answer,
    lock_for_resolution,
    resolve_held_step,
    resolve_step,
    write_default,
)
from orchestration.holds.skipping import foresee_skip
from orchestration.holds.specs import find_spec_of, list_next_agents, read_spec

__all__ = [
    "AbortOutlook",
    "check_answer",
    "find_spec_of",
    "foresee_abort",
    "foresee_skip",
    "list_next_agents",
    "lock_for_resolution",
    "read_spec",
    "resolve_held_step",
    "resolve_step",
    "write_default",
]
