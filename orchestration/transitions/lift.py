"""held -> available: a step whose question about a budget has been answered otherwise; its ticket is withdrawn.

Locks: run, then step, in a transaction of its own; whoever raised the limit has let its pot go before.
"""

from django.db import transaction

from orchestration.budgets.statements import ASKED_FOR, NEEDLESS
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.receipts import canonical
from orchestration.errors import StepNotHeld
from orchestration.ports import load_escalator
from orchestration.transitions.resolve import lift_held_step, lock_held_step


def lift_needless(pot_id: int | None = None) -> list[int]:
    """Let steps go on that asked a person about a pot into which their call fits after all; return them.

    Somebody topped the pot up while the question was on its way, or an answer cost less than was feared.

    Args: pot_id: of which something may have become free; None looks at all.
    """
    found = fetch_all(NEEDLESS, {"pot": pot_id, "limit": get_conf().REDISPATCH_LIMIT})
    why = "the budget has room again"
    return [step for row in found for step in lift_question(row.id, row.pot, why, by="ringmaster")]


def lift_question(step_id: int, pot_id: int, why: str, *, by: str) -> list[int]:
    """Let a step go on that asked a person about this pot, and withdraw its ticket; return it if it was so.

    Who asked about it once may be held for something else by now, for another budget too: that question stands.
    """
    try:
        with transaction.atomic():
            held = lock_held_step(step_id)
            if fetch_one(ASKED_FOR, {"step": step_id, "pot": pot_id}) is None:
                return []
            lift_held_step(held, event_json=canonical({"by": by, "reason": why}))
            load_escalator(get_conf().ESCALATOR).withdraw_tickets([step_id], why)
    except StepNotHeld:
        return []
    return [step_id]
