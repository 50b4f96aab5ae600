"""Tries of calls as whoever watches a run may hear of them: whose they are, and whether they are still being made."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, F, Q

from orchestration.domain.calls import TryState
from orchestration.domain.states import StepStatus
from orchestration.models import CallTry
from orchestration.selectors.withheld import find_restricted


class TryPlace(NamedTuple):
    """A try of a call, as a worker names it."""

    run_id: UUID
    call_id: int
    attempt: int


class LiveTry(NamedTuple):
    """What rows say of it.

    Attributes:
        is_under_way: it is being made, by whoever has the claim: of a worker that lost it nothing is told any more.
        is_answered: its answer is the call's.
        is_hidden: its step is the business of a restricted review queue.
    """

    step: str
    is_under_way: bool
    is_answered: bool
    is_hidden: bool


def find_live_tries(places: Collection[TryPlace]) -> dict[TryPlace, LiveTry]:
    """Return what rows say of these tries; what is none, or is of another run, is left out."""
    rows = CallTry.objects.filter(
        call__in={place.call_id for place in places}, run__in={place.run_id for place in places}
    ).order_by()
    found = list(
        rows.annotate(
            is_claimed=ExpressionWrapper(
                Q(step__status=StepStatus.RUNNING, step__token=F("token")), output_field=BooleanField()
            )
        ).values_list("run_id", "call_id", "attempt", "step_id", "step__key", "state", "is_claimed")
    )
    hidden = find_restricted({row[3] for row in found})
    tries = {
        TryPlace(run, call, attempt): LiveTry(
            key,
            is_under_way=bool(is_claimed) and state == TryState.BEGUN,
            is_answered=state == TryState.DONE,
            is_hidden=step_id in hidden,
        )
        for run, call, attempt, step_id, key, state, is_claimed in found
    }
    return {place: tries[place] for place in places if place in tries}
