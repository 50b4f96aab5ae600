"""Breakers and pools brought to where a test needs them, the way the engine brings them there."""

from collections.abc import Mapping
from itertools import count
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models.functions import Now

from agents.admission import Admitted, admit, note_failure, take_slots
from agents.domain.invocation import FailureKind
from agents.models import Breaker, BreakerEvent, CountedFailure, PoolSlot

_attempts = count(1)


def fail(agent: str, times: int = 1, *, token: UUID | None = None, kind: str = "transient") -> None:
    """Let attempts of an agent fail."""
    for _ in range(times):
        note_failure(agent, FailureKind(kind), attempt_id=next(_attempts), token=token or uuid4())


def let_pause_pass(agent: str) -> None:
    Breaker.objects.filter(agent=agent).update(until=Now())


def let_probe_pass(agent: str) -> UUID:
    """Let a claim through as the probe of an open breaker and return its token."""
    let_pause_pass(agent)
    token = uuid4()
    assert admit(agent, token) == Admitted(is_probe=True)
    return token


def state_of(agent: str) -> str:
    row = Breaker.objects.filter(agent=agent).first()
    return row.state if row is not None else "closed"


def changes_of(agent: str) -> list[tuple[str, str]]:
    events = BreakerEvent.objects.filter(agent=agent).order_by("id")
    return list(events.values_list("from_state", "to_state"))


def age_failures(agent: str, seconds: float) -> None:
    for failure in CountedFailure.objects.filter(agent=agent):
        failure.at = failure.at.fromtimestamp(failure.at.timestamp() - seconds, failure.at.tzinfo)
        failure.save()


def take(pools: Mapping[str, int], *, step_id: int = 1) -> UUID:
    """Take slots that must be free and return the token that holds them."""
    token = uuid4()
    with transaction.atomic():
        assert take_slots(pools, token, step_id, f"run 1 / step {step_id}") == []
    return token


def held() -> dict[str, int]:
    totals: dict[str, int] = {}
    for slot in PoolSlot.objects.all():
        totals[slot.pool_id] = totals.get(slot.pool_id, 0) + slot.amount
    return totals
