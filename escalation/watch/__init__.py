"""The duties of this app, which the maintainer carries out every sweep. Each finds its work in rows, and may run twice.

One that fails is logged by the maintainer and tried again with the next sweep; it keeps no other from its work.
"""

from escalation.watch.assignments import assign_tickets
from escalation.watch.audits import open_audit_tickets
from escalation.watch.breaches import watch_tickets
from escalation.watch.budgets import tell_used_up
from escalation.watch.clocks import look_at_tickets
from escalation.watch.figures import fold_figures, foresee_new_tickets
from escalation.watch.pending import carry_out_decisions
from escalation.watch.snoozes import wake_tickets
from escalation.watch.words import forget_looks, write_words

__all__ = [
    "assign_tickets",
    "carry_out_decisions",
    "fold_figures",
    "foresee_new_tickets",
    "forget_looks",
    "look_at_tickets",
    "open_audit_tickets",
    "tell_used_up",
    "wake_tickets",
    "watch_tickets",
    "write_words",
]
