"""`admit`: may this claim go on? Asked in the claim's own transaction, only of steps that have a reason to ask.

A step without pools whose agent's breaker is closed never comes here; see `fragments.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from django.db import transaction

from agents.admission.breakers import Opening, begin_probe, find_opening
from agents.admission.pools import lock_pools, take_slots
from agents.domain.contract import PoolNeeds
from agents.domain.pools import find_short


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may go on. `is_probe`: its end decides about the agent's breaker."""

    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class BreakerOpen:
    """Its agent's breaker keeps it away.

    Attributes:
        until: when a probe may pass; None while one is under way.  opening_id: the same until it closes.
    """

    agent: str
    opening_id: int
    opened_at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class PoolBusy:
    """These pools have too few free slots; none was taken."""

    names: tuple[str, ...]


Admission: TypeAlias = Admitted | BreakerOpen | PoolBusy


def admit(agent: str, pools: PoolNeeds, token: UUID, step_id: int, holder: str = "") -> Admission:
    """Take what a claim needs, all or nothing, inside the transaction that writes the claim.

    If that transaction is rolled back, nothing was taken. If it commits, the claim holds its slots until it ends
    (GIVE_BACK in its ending statement), and may be the one probe of its agent (`note_success`, `note_failure`).

    Args:
        pools: slots by pool.  token: the claim's.  holder: who takes them, in words, for the list of holders.
    """
    with transaction.atomic():
        opening = find_opening(agent)
        if opening is not None and not opening.may_probe:
            return _refuse(opening)
        if pools:
            short = find_short(lock_pools(pools), pools)
            if short:
                return PoolBusy(tuple(short))
        if opening is not None:
            # After the pools: a probe that then had to wait for a slot would keep all others away.
            opening = begin_probe(agent, token)
            if opening is not None:
                return _refuse(opening)
            return _take(pools, token, step_id, holder, is_probe=True)
        return _take(pools, token, step_id, holder, is_probe=False)


def _take(pools: PoolNeeds, token: UUID, step_id: int, holder: str, *, is_probe: bool) -> Admitted:
    if pools:
        take_slots(pools, token, step_id, holder)
    return Admitted(is_probe)


def _refuse(opening: Opening) -> BreakerOpen:
    return BreakerOpen(opening.agent, opening.opening_id, opening.opened_at, opening.until)
