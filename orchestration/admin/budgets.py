"""The budgets of a run's tree as bars: what is spent, lost and reserved of each."""

from dataclasses import dataclass

from orchestration.budgets import list_pots
from orchestration.domain.budget import Unit, show_amount
from orchestration.models import Pot, Run


@dataclass(frozen=True, slots=True)
class PartView:
    """One bar. `amount` of `most`; `words`: the same for people."""

    name: str
    amount: int
    most: int
    words: str


@dataclass(frozen=True, slots=True)
class PotView:
    """One unit of a budget. `overrun`: "" where nothing was billed beyond it."""

    id: int
    whose: str
    limit: str
    left: str
    is_tight: bool
    parts: list[PartView]
    overrun: str


def view_pots(run: Run) -> list[PotView]:
    """Return the budgets of a run's tree, those nearest to the root first."""
    return [_view(pot) for pot in list_pots(run.root_id)]


def _view(pot: Pot) -> PotView:
    unit = Unit(pot.unit)
    amounts = (("Spent", pot.spent), ("Lost", pot.lost), ("Reserved", pot.reserved))
    whose = f"step {pot.step.key}" if pot.step else "the whole run"
    return PotView(
        id=pot.pk,
        whose=f"{pot.run}, {whose}",
        limit=show_amount(unit, pot.limit),
        left=show_amount(unit, pot.state.left),
        is_tight=pot.state.is_tight(),
        parts=[
            PartView(name, amount, max(pot.limit, 1), show_amount(unit, amount)) for name, amount in amounts
        ],
        overrun=show_amount(unit, pot.overrun) if pot.overrun else "",
    )
