"""Steps that are held for a person: what each choice would do, and the choice carried out.

Called by the room that keeps the tickets, in its transaction: it locks the step, then its own row, and hands back the
step that it locked. Nothing here knows a ticket. Read next: `resolve.py`.
"""

from orchestration.holds.outlook import AbortOutlook, foresee_abort
from orchestration.holds.resolve import lock_for_resolution, resolve_held_step, resolve_step
from orchestration.holds.skipping import foresee_skip

__all__ = [
    "AbortOutlook",
    "foresee_abort",
    "foresee_skip",
    "lock_for_resolution",
    "resolve_held_step",
    "resolve_step",
]
