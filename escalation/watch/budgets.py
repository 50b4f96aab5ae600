"""Tells leads that a budget of people's time is used up, behind the transaction that booked it. Late is no harm."""

from typing import Final

from escalation.escrow import tell_of_used_up
from orchestration.budgets.telling import list_untold
from orchestration.maintenance.each import do_each, for_a_while, in_any_order

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT: Final = 100


def tell_used_up() -> None:
    """Tell of each budget that nobody was told of, each in a transaction of its own."""
    do_each("tell_used_up", for_a_while(in_any_order(list_untold(SWEEP_LIMIT))), tell_of_used_up)
