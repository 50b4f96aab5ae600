"""The budgets of a run's tree as rows and as JSON: what `show_budget` and `top_up` print."""

from collections.abc import Iterable
from typing import Any, Final

from orchestration.budgets.reading import StepSum
from orchestration.domain.budget import Unit, show_amount
from orchestration.models import Pot

POT_HEAD: Final = ("RUN", "STEP", "LIMIT", "RESERVED", "SPENT", "LOST", "LEFT", "OVERRUN", "UNMET", "")
SUM_HEAD: Final = ("RUN", "STEP", "CALLS", "TOKENS", "USD", "LOST TOKENS", "LOST USD")


def pot_rows(pots: Iterable[Pot]) -> list[tuple[str, ...]]:
    """Return pots as rows of a table."""
    return [
        (
            str(pot.run_id)[:8],
            pot.step.key if pot.step else "(all)",
            *(
                show_amount(Unit(pot.unit), amount)
                for amount in (pot.limit, pot.reserved, pot.spent, pot.lost, pot.state.left)
            ),
            *(show_amount(Unit(pot.unit), over) if over else "-" for over in (pot.overrun, pot.unmet)),
            pot.state.word,
        )
        for pot in pots
    ]


def describe_pot(pot: Pot) -> dict[str, Any]:
    """Return a pot as JSON values, in whole numbers of its unit."""
    return {
        "id": pot.pk,
        "run": str(pot.run_id),
        "step": pot.step.key if pot.step else None,
        "above": pot.parent_id,
        "unit": pot.unit,
        "limit": pot.limit,
        "reserved": pot.reserved,
        "spent": pot.spent,
        "lost": pot.lost,
        "left": pot.state.left,
        "overrun": pot.overrun,
        "unmet": pot.unmet,
        "is_tight": pot.state.is_tight(),
        "is_used_up": pot.state.is_used_up,
    }


def sum_rows(sums: Iterable[StepSum]) -> list[tuple[str, ...]]:
    """Return what steps used as rows of a table."""
    return [
        (
            str(one.run_id)[:8],
            one.step_key,
            f"{one.calls:,}",
            f"{one.tokens:,}",
            _usd(one.micro_usd),
            f"{one.lost_tokens:,}",
            _usd(one.lost_micro_usd),
        )
        for one in sums
    ]


def describe_sum(one: StepSum) -> dict[str, Any]:
    """Return what a step used as JSON values."""
    return one._asdict() | {"run_id": str(one.run_id)}


def _usd(micro_usd: int) -> str:
    return show_amount(Unit.MICRO_USD, micro_usd).removesuffix(" US dollars")
