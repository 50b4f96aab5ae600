"""A hundred calls at once on a budget for ten: ten run, none is overspent, and those that still fit run later.

`BUDGET_ROUNDS` says how often; a mutant that reads, then writes what it computed, does not get through one.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection

from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from agents.errors import Suspended
from agents.invoke import override
from orchestration import Budget, runs
from orchestration.budgets import load_path
from orchestration.budgets.statements import LOCK
from orchestration.dispatch import mute_dispatch
from orchestration.executor.journal import ClaimJournal
from orchestration.models import Pot
from tests.integration.orchestration.judge_budgets import judge_budgets
from tests.integration.orchestration.rig import AGENT, Rig, graph

_CALLS, _AT_ONCE = 100, 10
_ROUNDS = int(os.environ.get("BUDGET_ROUNDS", "1"))


def _begin_rig() -> Rig:
    rig = Rig.begin(graph({"work": ()}))
    with override({AGENT: lambda _: None}), mute_dispatch():
        run = runs.start(rig.run.workflow_name, {}, budget=Budget(tokens=100))
    return Rig(run.pk, rig.process_id)


class _Callers:
    """Each call is asked of a journal of its own, as by agents in other processes."""

    def __init__(self, rig: Rig) -> None:
        self._claim = rig.take("work")
        self._pots = load_path(self._claim.step_id)
        self._barrier = Barrier(_AT_ONCE)
        self.refused: list[int] = []

    def begin_all(self, numbers: list[int]) -> dict[int, Begun]:
        """Try to begin all of these calls, as many at once as may; return those that began."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            shares = [numbers[start::_AT_ONCE] for start in range(_AT_ONCE)]
            return {number: begun for told in pool.map(self._begin_some, shares) for number, begun in told}

    def _begin_some(self, numbers: list[int]) -> list[tuple[int, Begun]]:
        self._barrier.wait(30)
        try:
            return [(number, begun) for number in numbers if (begun := self._begin(number)) is not None]
        finally:
            connection.close()

    def _begin(self, number: int) -> Begun | None:
        try:
            begun = self._journal().begin(self._wish(number), Reservation(tokens=10))
        except Suspended:
            return None
        except IntegrityError:
            self.refused.append(number)
            return None
        assert isinstance(begun, Begun)
        return begun

    def end(self, number: int, begun: Begun) -> None:
        self._journal().end(self._wish(number), begun, '"said"', CallUsage(1))

    def _journal(self) -> ClaimJournal:
        return ClaimJournal(self._claim, has_calls=False, pots=self._pots)

    def _wish(self, number: int) -> CallWish:
        return CallWish(f"ask[{number}]#1", CallKind.ONCE, "ask", "[]")


@pytest.mark.parametrize("_round", range(_ROUNDS))
def test_a_hundred_calls_at_once_on_a_budget_for_ten(_round: int) -> None:
    callers = _Callers(_begin_rig())
    left, waves = list(range(_CALLS)), []
    while begun := callers.begin_all(left):
        judge_budgets()
        waves.append(len(begun))
        for number, each in begun.items():
            callers.end(number, each)
        left = [number for number in left if number not in begun]
    # Each uses one token of the ten that it reserves: the last nine find too little for what they may need.
    assert waves[0] == 10
    assert (sum(waves), len(left)) == (91, 9)
    assert callers.refused == []  # the engine asked first, under the lock; the database had nothing to refuse
    pot = Pot.objects.latest("pk")
    assert (pot.reserved, pot.spent, pot.lost, pot.overrun) == (0, 91, 0, 0)
    judge_budgets()


def test_a_mutant_that_reads_before_it_writes_is_refused_by_the_database(monkeypatch: Any) -> None:
    place = "orchestration.transitions.budget"
    monkeypatch.setattr(f"{place}.LOCK", LOCK.replace("FOR NO KEY UPDATE", ""))
    monkeypatch.setattr(f"{place}.find_short", lambda *_: None)
    callers = _Callers(_begin_rig())
    begun = callers.begin_all(list(range(_CALLS)))
    assert len(begun) == 10
    assert len(callers.refused) == 90  # of the hundred that a check alone would have let pass
    judge_budgets()
