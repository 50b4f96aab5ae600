"""Pools as rows: slots are taken all or nothing, belong to a claim, and never outlive it."""

from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction

from agents.admission import (
    GIVE_BACK,
    Admitted,
    BreakerOpen,
    PoolBusy,
    admit,
    find_rooms,
    give_back,
    reap,
    set_pool_size,
)
from agents.domain.pools import Room
from agents.errors import AgentRefused, PoolRefused
from agents.models import Pool, PoolSlot
from tests.integration.agents.admission.scenes import fail, held, let_pause_pass, state_of, take

pytestmark = pytest.mark.django_db

AGENT = "pool.user"


@pytest.fixture(autouse=True)
def _sizes(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "POOLS": {"gpu": 2, "licence": 1}}


def test_slots_are_held_by_the_claim() -> None:
    token = uuid4()
    assert admit(AGENT, {"gpu": 2}, token, 7, holder="run 1 / draw") == Admitted()
    [slot] = PoolSlot.objects.all()
    assert (slot.pool_id, slot.token, slot.step, slot.amount) == ("gpu", token, 7, 2)
    assert slot.holder == "run 1 / draw"
    assert find_rooms(["gpu"]) == {"gpu": Room(2, held=2)}


def test_when_too_few_are_free_none_is_taken() -> None:
    take({"licence": 1})
    assert admit(AGENT, {"gpu": 2, "licence": 1}, uuid4(), 8) == PoolBusy(("licence",))
    assert held() == {"licence": 1}


def test_all_short_pools_are_named() -> None:
    take({"gpu": 1, "licence": 1})
    assert admit(AGENT, {"licence": 1, "gpu": 2}, uuid4(), 8) == PoolBusy(("gpu", "licence"))


def test_what_is_given_back_is_free() -> None:
    token = take({"gpu": 2, "licence": 1})
    assert give_back(token) == 3
    assert give_back(token) == 0
    take({"gpu": 2, "licence": 1})


def test_a_rolled_back_claim_holds_nothing() -> None:
    with transaction.atomic():
        take({"gpu": 2})
        transaction.set_rollback(True)
    assert held() == {}


def test_an_ending_statement_gives_back_what_its_claim_held() -> None:
    mine, other = take({"gpu": 1}), take({"gpu": 1})
    with connection.cursor() as cursor:
        _end_in_sql(cursor, mine, ended=False)
        assert held() == {"gpu": 2}
        _end_in_sql(cursor, mine, ended=True)
    assert list(PoolSlot.objects.values_list("token", flat=True)) == [other]


def _end_in_sql(cursor: object, token: object, *, ended: bool) -> None:
    cursor.execute(  # type: ignore[attr-defined]
        f"WITH done AS (SELECT 1 WHERE %(ended)s), freed AS ({GIVE_BACK}) SELECT 1",
        {"token": token, "ended": ended},
    )


def test_what_dead_claims_held_is_freed_and_no_more() -> None:
    dead, live = take({"gpu": 1, "licence": 1}), take({"gpu": 1})
    assert reap(lambda tokens: set(tokens) - {dead}) == 1
    assert held() == {"gpu": 1}
    assert list(PoolSlot.objects.values_list("token", flat=True)) == [live]


def test_with_nothing_held_nobody_is_asked() -> None:
    def fail_if_asked(tokens: object) -> list[object]:
        raise AssertionError("nothing is held")

    assert reap(fail_if_asked) == 0  # type: ignore[arg-type]


def test_fewer_slots_than_are_held_evict_nobody() -> None:
    first, second = take({"gpu": 1}), take({"gpu": 1})
    set_pool_size("gpu", 1)
    assert held() == {"gpu": 2}
    give_back(first)
    assert admit(AGENT, {"gpu": 1}, uuid4(), 8) == PoolBusy(("gpu",))
    give_back(second)
    take({"gpu": 1})


def test_a_person_s_number_goes_before_the_settings_and_can_be_taken_back() -> None:
    set_pool_size("gpu", 9)
    assert find_rooms(["gpu"]) == {"gpu": Room(9)}
    set_pool_size("gpu", None)
    assert find_rooms(["gpu"]) == {"gpu": Room(2)}


def test_a_pool_that_nobody_sized_has_one_slot() -> None:
    take({"press": 1})
    assert find_rooms(["press"]) == {"press": Room(1, held=1)}
    assert Pool.objects.get(name="press").size is None


def test_all_rooms_are_those_of_rows_and_settings() -> None:
    take({"press": 1})
    assert find_rooms() == {"gpu": Room(2), "licence": Room(1), "press": Room(1, held=1)}


@pytest.mark.parametrize("size", [-1, 100_001])
def test_a_senseless_size_is_refused(size: int) -> None:
    with pytest.raises(PoolRefused, match="size"):
        set_pool_size("gpu", size)
    assert not Pool.objects.exists()


def test_a_senseless_name_is_refused() -> None:
    with pytest.raises(AgentRefused, match="Gpu"):
        set_pool_size("Gpu", 1)
    assert not Pool.objects.exists()


def test_a_claim_holds_a_pool_once() -> None:
    token = take({"gpu": 1})
    with pytest.raises(DatabaseError), transaction.atomic():
        admit(AGENT, {"gpu": 1}, token, 1)
    assert held() == {"gpu": 1}


def test_a_step_that_waits_for_a_pool_is_no_probe_meanwhile() -> None:
    fail(AGENT, 6)
    let_pause_pass(AGENT)
    PoolSlot.objects.create(
        pool=Pool.objects.create(name="gpu", size=1),
        token=uuid4(),
        step=1,
        amount=1,
        taken_at="2031-01-01T00:00Z",
    )
    assert admit(AGENT, {"gpu": 1}, uuid4(), 8) == PoolBusy(("gpu",))
    assert state_of(AGENT) == "open"


def test_a_step_that_is_kept_away_by_its_breaker_takes_no_slot() -> None:
    fail(AGENT, 6)
    assert isinstance(admit(AGENT, {"gpu": 1}, uuid4(), 8), BreakerOpen)
    let_pause_pass(AGENT)
    assert admit(AGENT, {"gpu": 1}, uuid4(), 8) == Admitted(is_probe=True)
    assert isinstance(admit(AGENT, {"gpu": 1}, uuid4(), 9), BreakerOpen)
    assert held() == {"gpu": 1}
