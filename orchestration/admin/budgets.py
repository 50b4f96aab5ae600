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
    """One unit of a budget. `word`: how little is left.  `overrun`, `unmet`: beyond it, "" where nothing is."""

    id: int
    whose: str
    limit: str
    left: str
    word: str
    parts: list[PartView]
    overrun: str
    unmet: str


def view_pots(run: Run) -> list[PotView]:
    """Return the budgets of a run's tree, those nearest to the root first."""
    return [_view(pot) for pot in list_pots(run.root_id)]


def view_used_up(run: Run) -> list[PotView]:
    """Return the budgets of people's time in a run's tree that are used up, and were not topped up since."""
    return [_view(pot) for pot in list_pots(run.root_id) if pot.used_up_at is not None]


def _view(pot: Pot) -> PotView:
    unit = Unit(pot.unit)
    amounts = (("Spent", pot.spent), ("Lost", pot.lost), ("Reserved", pot.reserved))
    whose = f"step {pot.step.key}" if pot.step else "the whole run"
    return PotView(
        id=pot.pk,
        whose=f"{pot.run}, {whose}",
        limit=show_amount(unit, pot.limit),
        left=show_amount(unit, pot.state.left),
        word=pot.state.word,
        parts=[
            PartView(name, amount, max(pot.limit, 1), show_amount(unit, amount)) for name, amount in amounts
        ],
        overrun=show_amount(unit, pot.overrun) if pot.overrun else "",
        unmet=show_amount(unit, pot.unmet) if pot.unmet else "",
    )
