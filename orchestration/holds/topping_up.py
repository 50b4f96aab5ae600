"""What a person decides of a budget that leaves a held step too little: more, or an end with what there is."""

from functools import partial

from django.db import transaction

from agents.domain.reading import read_json
from orchestration.budgets import find_asked
from orchestration.budgets.reading import AskedPot
from orchestration.dispatch import dispatch
from orchestration.domain.budget import FIELDS, MOST, Budget, describe_top_up, read_budget, show_amount
from orchestration.domain.hold_fields import FEEDBACK, OUTPUT
from orchestration.domain.holds import Way
from orchestration.domain.work import Chosen, HeldStep
from orchestration.errors import InputInvalid, ResolutionRefused
from orchestration.transitions.budget import top_up, wake_for_budget


def raise_limit(held: HeldStep, chosen: Chosen) -> None:
    """Raise the limit that a held step asked about.

    Raises: ResolutionRefused: no amount, or one with which the step would ask again.
    """
    asked, more = _read_amount(held, chosen.output_json)
    told = describe_top_up(more, step=asked.step_key, key=None, by=chosen.name, ticket=chosen.resolution_id)
    if not top_up(asked.run_id, asked.step_id, more.limits, event_json=told):
        raise ResolutionRefused(
            f"output/{FIELDS[asked.unit]}: no limit may be over {MOST:,} of its smallest unit; add less"
        )
    # Who waits beside it is woken once the new limit is there for all to see.
    transaction.on_commit(partial(_wake, asked.id))


def check_budget_answer(held: HeldStep, way: Way, output_json: str | None, feedback: str) -> None:
    """Refuse what could not be carried out. Raises: ResolutionRefused: names the field."""
    if way.field is OUTPUT:
        _read_amount(held, output_json)
    elif not feedback.strip():
        raise ResolutionRefused(f"feedback: {FEEDBACK.missing}")


def _read_amount(held: HeldStep, output_json: str | None) -> tuple[AskedPot, Budget]:
    """Return which pot a held step asked about, and how much more it gets: at least what its call needs."""
    asked = find_asked(held.step_id)
    if asked is None:
        raise ResolutionRefused(
            "resolution: the step asks about no budget any more; skip it or abort instead"
        )
    try:
        more = read_budget(read_json(output_json or "{}"))
    except InputInvalid as error:
        raise ResolutionRefused(f"output: {error}") from error
    least = max(asked.missing, 1)
    if more is None or list(more.limits) != [asked.unit] or more.limits[asked.unit] < least:
        raise ResolutionRefused(
            f"output/{FIELDS[asked.unit]}: at least {show_amount(asked.unit, least)} more, or the step asks again"
        )
    return asked, more


def _wake(pot_id: int) -> None:
    dispatch(wake_for_budget([pot_id]))
