"""Raising the limits of a run's budget, or of one of its steps'; who waited for that goes on."""

from decimal import Decimal
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser

from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.budget import Budget, Unit, read_budget, show_amount
from orchestration.domain.receipts import canonical
from orchestration.errors import InputInvalid, RunFinal, StepNotFound
from orchestration.models import Pot, Run, Step
from orchestration.runs.starting import get_run
from orchestration.transitions.budget import lift_question, wake_for_budget
from orchestration.transitions.budget import top_up as raise_limits

_FIELDS = {
    Unit.MICRO_USD: "usd",
    Unit.TOKENS: "tokens",
    Unit.CALLS: "calls",
    Unit.HUMAN_SECONDS: "human_minutes",
}


def top_up(
    run_id: UUID | str,
    *,
    usd: str | Decimal | int | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    human_minutes: int | None = None,
    step: str | None = None,
    by: AbstractBaseUser | None = None,
) -> list[Pot]:
    """Add to limits of a live run's budget, and let go on who waited for that; return the pots as they stand then.

    Each call adds once more: send it twice, and it counts twice.

    Args: usd, tokens, calls, human_minutes: how much more.  step: key of the step whose own budget is meant.
    Raises: RunNotFound. StepNotFound. RunFinal: it has ended.  InputInvalid: names the field.
    """
    run = get_run(run_id)
    more = {"usd": usd, "tokens": tokens, "calls": calls, "human_minutes": human_minutes}
    budget = read_budget({field: value for field, value in more.items() if value is not None})
    if budget is None or not any(budget.limits.values()):
        raise InputInvalid("budget: name how much to add, such as usd or tokens; 0 changes nothing")
    step_id = None if step is None else _find_step(run, step)
    _require_pots(run, step_id, budget)
    raised = raise_limits(run.pk, step_id, budget.limits, event_json=_describe(budget, step, by))
    if raised is None:
        raise RunFinal(f"run {run.pk} is {get_run(run.pk).status}; there is nothing to top up")
    pots = [pot for pot, _ in raised]
    name = by.get_username() if by else "nobody named"
    for asked in {step_id for _, step_id in raised if step_id is not None}:
        dispatch_after_commit(lift_question(asked, f"the budget was topped up by {name}", by=name))
    dispatch_after_commit(wake_for_budget(pots))
    return list(Pot.objects.filter(pk__in=pots))


def _find_step(run: Run, key: str) -> int:
    step = Step.objects.filter(run=run, key=key).values_list("pk", flat=True).first()
    if step is None:
        raise StepNotFound(f"step: run {run.pk} has no step '{key}'")
    return step


def _require_pots(run: Run, step_id: int | None, budget: Budget) -> None:
    known = set(Pot.objects.filter(run=run, step=step_id).values_list("unit", flat=True))
    for unit in budget.limits:
        if unit not in known:
            named = ", ".join(_FIELDS[Unit(one)] for one in sorted(known)) or "none"
            whose = "the run" if step_id is None else "the step"
            raise InputInvalid(
                f"{_FIELDS[Unit(unit)]}: {whose} has no limit of that to raise; it has of {named} "
                "(`manage.py show_budget` shows all budgets of a run)"
            )


def _describe(budget: Budget, step: str | None, by: AbstractBaseUser | None) -> str:
    added = {unit: show_amount(Unit(unit), amount) for unit, amount in budget.limits.items()}
    return canonical({"added": added, "step": step, "by": by.get_username() if by else None})
