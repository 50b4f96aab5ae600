"""Who has the database connection while an agent works."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from orchestration.executor import lending
from orchestration.executor.lending import lent_connection

QUICK, SLOW = 0.001, 5.0


@pytest.fixture(autouse=True)
def knowledge(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, float]]:
    took = {"quick": QUICK, "slow": SLOW}
    monkeypatch.setattr(lending, "_took", took)
    lending._places.cache_clear()
    connection.ensure_connection()
    yield took
    lending._places.cache_clear()


@pytest.mark.parametrize("agent", ["slow", "unheard"])
def test_an_agent_that_may_take_its_time_holds_no_connection(agent: str) -> None:
    with lent_connection(agent):
        assert connection.connection is None


def test_an_agent_that_was_quick_lets_the_thread_keep_it() -> None:
    before = connection.connection
    with lent_connection("quick"):
        assert connection.connection is before


def test_what_an_agent_took_counts_the_next_time(
    knowledge: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, SLOW, 10.0, 10.0 + QUICK])
    monkeypatch.setattr("orchestration.executor.lending.time.monotonic", lambda: next(ticks))
    with lent_connection("quick"):
        pass
    assert knowledge["quick"] == SLOW
    with pytest.raises(RuntimeError), lent_connection("slow"):
        raise RuntimeError("the agent's fault")
    assert knowledge["slow"] == pytest.approx(QUICK)


@pytest.mark.parametrize(
    ("pool", "places"), [({"max_size": 16}, 8), ({"max_size": 3}, 1), ({"max_size": 1}, 0), (None, 1)]
)
def test_half_of_the_pool_may_be_kept(
    monkeypatch: pytest.MonkeyPatch, pool: dict[str, int] | None, places: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "OPTIONS", {"pool": pool})
        kept = lending._places()
    assert [kept.acquire(blocking=False) for _ in range(places + 1)] == [True] * places + [False]


def test_when_all_places_are_taken_the_connection_goes_back(knowledge: dict[str, float]) -> None:
    with lent_connection("quick"):
        held = connection.connection
        assert held is not None
        with lent_connection("quick"):
            assert connection.connection is None
    knowledge["quick"] = QUICK  # whatever the machine took for the lines above
    connection.ensure_connection()
    with lent_connection("quick"):
        assert connection.connection is not None


def test_a_transaction_keeps_its_connection() -> None:
    with transaction.atomic():
        before = connection.connection
        with lent_connection("slow"):
            assert connection.connection is before
