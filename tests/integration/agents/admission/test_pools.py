"""Pools as rows: slots are taken all or nothing, belong to a claim, and never outlive it."""

from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, transaction

from agents.admission import find_rooms, give_back, reap, set_pool_size, take_slots
from agents.domain.pools import Room
from agents.errors import AgentRefused, PoolRefused
from agents.models import Pool, PoolSlot
from tests.integration.agents.admission.scenes import held, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sizes(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "POOLS": {"gpu": 2, "licence": 1}}


def test_slots_are_held_by_the_claim() -> None:
    token = uuid4()
    assert take_slots({"gpu": 2}, token, 7, "run 1 / draw") == []
    [slot] = PoolSlot.objects.all()
    assert (slot.pool_id, slot.token, slot.step, slot.amount) == ("gpu", token, 7, 2)
    assert slot.holder == "run 1 / draw"
    assert find_rooms(["gpu"]) == {"gpu": Room(2, held=2)}


def test_when_too_few_are_free_none_is_taken() -> None:
    take({"licence": 1})
    assert take_slots({"gpu": 2, "licence": 1}, uuid4(), 8) == ["licence"]
    assert held() == {"licence": 1}


def test_all_short_pools_are_named() -> None:
    take({"gpu": 1, "licence": 1})
    assert take_slots({"licence": 1, "gpu": 2}, uuid4(), 8) == ["gpu", "licence"]


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
    assert take_slots({"gpu": 1}, uuid4(), 8) == ["gpu"]
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
        take_slots({"gpu": 1}, token, 1)
    assert held() == {"gpu": 1}
