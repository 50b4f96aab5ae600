"""Two or twenty at once: one probe, never more slots than there are, no failure overlooked; and each guard's mutant.

A check that passes with its guard taken out would guard nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from agents.admission import (
    Admitted,
    BreakerOpen,
    admit,
    breakers,
    give_back,
    pools,
    reap,
    reaping,
    set_pool_size,
    take_slots,
)
from agents.domain.circuit import BreakerState
from agents.models import Breaker, BreakerEvent, Pool, PoolSlot
from tests.integration.agents.admission.scenes import (
    changes_of,
    fail,
    let_pause_pass,
    let_probe_pass,
    state_of,
)
from tests.integration.orchestration.rig import in_thread, race

pytestmark = pytest.mark.usefixtures("committed_db")

_numbers = count(1)


def _new_agent() -> str:
    return f"race.agent_{next(_numbers)}"


def _new_pool(size: int) -> str:
    name = f"race-{next(_numbers)}"
    set_pool_size(name, size)
    return name


def _take(needs: dict[str, int], token: UUID | None = None) -> list[str]:
    with transaction.atomic():
        return take_slots(needs, token or uuid4(), 1)


def _held(pool: str) -> int:
    return sum(PoolSlot.objects.filter(pool=pool).values_list("amount", flat=True))


def two_claims_are_one_probe() -> None:
    agent = _new_agent()
    fail(agent, 6)
    let_pause_pass(agent)

    firsts: list[Any] = []
    second = race(lambda: firsts.append(admit(agent, uuid4())), lambda: admit(agent, uuid4()))

    assert firsts == [Admitted(is_probe=True)]
    assert isinstance(second, BreakerOpen)
    assert changes_of(agent) == [("closed", "open"), ("open", "half_open")]


def two_failures_at_once_are_both_counted() -> None:
    agent = _new_agent()
    fail(agent, 4)
    race(lambda: fail(agent), lambda: fail(agent))
    assert state_of(agent) == BreakerState.OPEN


def two_claims_get_one_slot() -> None:
    pool = _new_pool(1)
    firsts: list[Any] = []
    second = race(
        lambda: firsts.append(take_slots({pool: 1}, uuid4(), 1)),
        lambda: _take({pool: 1}),
    )
    assert (firsts, second) == ([[]], [pool])
    assert _held(pool) == 1


def a_claim_that_commits_while_the_dead_are_sought_lives() -> None:
    pool = _new_pool(1)
    mine = uuid4()

    def commit_and_look(tokens: Any) -> list[UUID]:
        in_thread(lambda: _take({pool: 1}, mine)).result(timeout=20)
        return []

    other = _new_pool(1)
    _take({other: 1})  # or nobody would be asked
    reap(commit_and_look)
    assert _held(pool) == 1


@dataclass(frozen=True)
class Mutant:
    """One guard, where it stands, and what stands there without it."""

    check: Callable[[], None]
    module: Any
    name: str
    instead: Callable[..., Any]


def _no_lock(agent: str) -> None:
    """Go on without waiting for anybody."""


def _read_sizes(names: list[str]) -> dict[str, int | None]:
    return dict(Pool.objects.filter(name__in=names).values_list("name", "size"))


def _free_whoever_is_not_listed(find_live: Callable[..., Any]) -> int:
    live = find_live(set())
    return PoolSlot.objects.exclude(token__in=live).delete()[0]


_MUTANTS = [
    Mutant(two_claims_are_one_probe, breakers, "_lock_agent", _no_lock),
    Mutant(two_failures_at_once_are_both_counted, breakers, "_lock_agent", _no_lock),
    Mutant(two_claims_get_one_slot, pools, "_lock", _read_sizes),
    Mutant(
        a_claim_that_commits_while_the_dead_are_sought_lives,
        reaping,
        "free_dead_slots",
        _free_whoever_is_not_listed,
    ),
]


@pytest.mark.parametrize("mutant", _MUTANTS, ids=lambda mutant: f"{mutant.check.__name__}")
def test_a_guard_is_missed_when_it_is_gone(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.check()
    monkeypatch.setattr(mutant.module, mutant.name, mutant.instead)
    with pytest.raises(AssertionError):
        mutant.check()


def test_of_twenty_threads_one_is_the_probe() -> None:
    agent = _new_agent()
    fail(agent, 6)
    let_pause_pass(agent)

    answers = _all_at_once(20, lambda _: admit(agent, uuid4()))

    assert answers.count(Admitted(is_probe=True)) == 1
    assert sum(isinstance(answer, BreakerOpen) for answer in answers) == 19
    assert BreakerEvent.objects.filter(agent=agent, to_state="half_open").count() == 1


def test_of_twenty_failing_threads_one_opens() -> None:
    agent = _new_agent()
    _all_at_once(20, lambda _: fail(agent))
    assert changes_of(agent) == [("closed", "open")]


def test_a_probe_that_fails_while_another_asks_keeps_it_away() -> None:
    agent = _new_agent()
    fail(agent, 6)
    token = let_probe_pass(agent)
    asked = race(lambda: fail(agent, token=token), lambda: breakers.begin_probe(agent, uuid4()))
    assert asked is not None
    assert state_of(agent) == BreakerState.OPEN
    assert Breaker.objects.get(agent=agent).pause_seconds == 60


def test_twenty_threads_never_hold_more_than_there_is() -> None:
    """Each takes, looks how much is held in all, and gives back; those that get nothing come again."""
    pool, most = _new_pool(3), []

    def work(number: int) -> None:
        token, amount = uuid4(), 1 + number % 2
        while _take({pool: amount}, token) != []:
            pass
        most.append(_held(pool))
        give_back(token)

    _all_at_once(20, work)
    assert len(most) == 20
    assert 1 <= max(most) <= 3
    assert _held(pool) == 0


def test_pools_in_either_order_lock_nobody_out() -> None:
    one, two = _new_pool(1), _new_pool(1)

    def work(number: int) -> None:
        token = uuid4()
        names = (one, two) if number % 2 else (two, one)
        while _take(dict.fromkeys(names, 1), token) != []:
            pass
        give_back(token)

    _all_at_once(8, work)
    assert (_held(one), _held(two)) == (0, 0)


def test_a_new_pool_is_made_once() -> None:
    name = f"race-{next(_numbers)}"
    answers = _all_at_once(10, lambda _: _take({name: 1}))
    assert answers.count([]) == 1
    assert answers.count([name]) == 9
    assert Pool.objects.filter(name=name).count() == 1


def _all_at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    threads = [in_thread(partial(act, n)) for n in range(number)]
    return [thread.result(timeout=60) for thread in threads]
