"""Raising the limits of a run's budget, or of one of its steps'; who waited for that goes on."""

import json
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.budget import FIELDS, MOST, Budget, Unit, describe_top_up, read_budget
from orchestration.errors import IdempotencyConflict, InputInvalid, StepNotFound
from orchestration.models import Pot, Run, Step
from orchestration.runs.starting import check_key, get_run
from orchestration.transitions.budget import find_top_up, wake_for_budget
from orchestration.transitions.budget import top_up as raise_limits
from orchestration.transitions.lift import lift_question


def top_up(
    run_id: UUID | str,
    *,
    usd: str | Decimal | int | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    human_minutes: int | None = None,
    step: str | None = None,
    key: str | None = None,
    by: AbstractBaseUser | None = None,
) -> list[Pot]:
    """Add to limits of a run's budget, and let go on who waited for that; return the pots as they stand then.

    A run that failed or was cancelled may be topped up too: retry it afterwards.

    Args:
        usd, tokens, calls, human_minutes: how much more.
        step: key of the step whose own budget is meant.
        key: an idempotency key: the same top-up once more under it adds nothing. Without one each call adds.
    Raises: RunNotFound. StepNotFound. RunFinal: it has succeeded.  InputInvalid: names the field.
        IdempotencyConflict: another top-up of the run has this key.
    """
    run = get_run(run_id)
    check_key(key)
    more = {"usd": usd, "tokens": tokens, "calls": calls, "human_minutes": human_minutes}
    budget = read_budget({field: value for field, value in more.items() if value is not None})
    if budget is None or not any(budget.limits.values()):
        raise InputInvalid("budget: name how much to add, such as usd or tokens; 0 changes nothing")
    step_id = None if step is None else _find_step(run, step)
    _require_pots(run, step_id, budget)
    with transaction.atomic():
        raised = [] if _is_known(run, budget, step, key) else _raise(run, step_id, budget, step, key, by)
    _let_go_on(raised, by.get_username() if by else "nobody named")
    return list(Pot.objects.filter(run=run, step=step_id, unit__in=budget.limits))


def _is_known(run: Run, budget: Budget, step: str | None, key: str | None) -> bool:
    """Lock the run, and return whether this very top-up has been made."""
    told_json = find_top_up(run.pk, key)
    if told_json is None:
        return False
    before = json.loads(told_json)
    if (before["amounts"], before["step"]) != (budget.limits, step):
        raise IdempotencyConflict(
            f"key: another top-up of run {run.pk} came under the key '{key}', of {before['added']}; choose a new key"
        )
    return True


def _raise(
    run: Run,
    step_id: int | None,
    budget: Budget,
    step: str | None,
    key: str | None,
    by: AbstractBaseUser | None,
) -> list[tuple[int, int | None]]:
    event = describe_top_up(budget, step=step, key=key, by=by.get_username() if by else None)
    raised = raise_limits(run.pk, step_id, budget.limits, event_json=event)
    if len(raised) < len(budget.limits):
        raise InputInvalid(f"budget: no limit may be over {MOST:,} of its smallest unit; add less")
    return raised


def _let_go_on(raised: list[tuple[int, int | None]], name: str) -> None:
    """Let those go on who waited; whoever is missed because this process ends here, the maintainer finds."""
    if not raised:
        return
    for pot_id, asked in raised:
        if asked is not None:
            dispatch_after_commit(
                lift_question(asked, pot_id, f"the budget was topped up by {name}", by=name)
            )
    dispatch_after_commit(wake_for_budget([pot for pot, _ in raised]))


def _find_step(run: Run, key: str) -> int:
    step = Step.objects.filter(run=run, key=key).values_list("pk", flat=True).first()
    if step is None:
        raise StepNotFound(f"step: run {run.pk} has no step '{key}'")
    return step


def _require_pots(run: Run, step_id: int | None, budget: Budget) -> None:
    known = set(Pot.objects.filter(run=run, step=step_id).values_list("unit", flat=True))
    for unit in budget.limits:
        if unit not in known:
            named = ", ".join(FIELDS[Unit(one)] for one in sorted(known)) or "none"
            whose = "the run" if step_id is None else "the step"
            raise InputInvalid(
                f"{FIELDS[Unit(unit)]}: {whose} has no limit of that to raise; it has of {named} "
                "(`manage.py show_budget` shows all budgets of a run)"
            )
