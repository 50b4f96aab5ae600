"""Decisions whose grace period is over take effect."""

from typing import Final

from escalation.escrow.effect import carry_out_pending
from escalation.models import ClockTimestamp, PendingResolution
from orchestration.maintenance.each import do_each, for_a_while, in_any_order

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT: Final = 200


def carry_out_decisions() -> None:
    """Carry out each decision whose time has come; whoever meets at one, it takes effect once."""
    due = PendingResolution.objects.filter(takes_effect_at__lte=ClockTimestamp()).order_by("takes_effect_at")
    do_each(
        "carry_out_decisions",
        for_a_while(in_any_order(due.values_list("ticket", flat=True)[:SWEEP_LIMIT])),
        carry_out_pending,
    )
