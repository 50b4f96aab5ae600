"""A call whose claim had passed on is lost at all that it had reserved, until what it cost is known: learnt once."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from agents.errors import TransientError
from agents.invoke import override
from orchestration import Budget, runs
from orchestration.budgets import load_path, sum_by_step
from orchestration.dispatch import mute_dispatch
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost
from orchestration.executor.journal import ClaimJournal
from orchestration.models import Call, CallTry, Pot
from tests.integration.orchestration.judge_budgets import judge_budgets
from tests.integration.orchestration.rig import AGENT, Rig, graph

pytestmark = pytest.mark.django_db
_WISH = CallWish("m.request#1", CallKind.MODEL, "fast", "[]")


@pytest.fixture(autouse=True)
def _judge() -> Any:
    yield
    judge_budgets()


@pytest.fixture
def rig() -> Rig:
    rig = Rig.begin(graph({"work": ()}))
    with override({AGENT: lambda _: None}), mute_dispatch():
        run = runs.start(rig.run.workflow_name, {}, budget=Budget(usd="1", tokens=1_000, calls=9))
    return Rig(run.pk, rig.process_id)


def _begin(rig: Rig, most: Reservation = Reservation(100, 5_000)) -> tuple[Claim, ClaimJournal, Begun]:  # noqa: B008 - frozen
    claim = rig.take("work")
    journal = ClaimJournal(claim, has_calls=True, pots=load_path(claim.step_id))
    begun = journal.begin(_WISH, most)
    assert isinstance(begun, Begun)
    return claim, journal, begun


def _pots() -> dict[str, tuple[int, int, int, int]]:
    return {pot.unit: (pot.reserved, pot.spent, pot.lost, pot.overrun) for pot in Pot.objects.all()}


def _answer_late(journal: ClaimJournal, begun: Begun, usage: CallUsage | None) -> None:
    with pytest.raises(ClaimLost):
        journal.end(_WISH, begun, '"said"', usage)


def test_an_answer_that_comes_when_its_step_was_freed_books_what_it_cost_once(rig: Rig) -> None:
    claim, journal, begun = _begin(rig)
    rig.free(claim)
    assert _pots() == {"micro_usd": (0, 0, 5_000, 0), "tokens": (0, 0, 100, 0), "calls": (0, 0, 1, 0)}
    _answer_late(journal, begun, CallUsage(30, 10, cost_micro_usd=700))
    learnt = {"micro_usd": (0, 0, 700, 0), "tokens": (0, 0, 40, 0), "calls": (0, 0, 1, 0)}
    assert _pots() == learnt
    lost = CallTry.objects.get()
    assert (lost.state, lost.tokens, lost.cost_micro_usd) == ("lost", 40, 700)
    assert "when its claim had passed on" in lost.error
    _answer_late(journal, begun, CallUsage(1, 1, cost_micro_usd=1))
    journal.fail(_WISH, begun, TransientError("again"), CallUsage(2, 2, cost_micro_usd=2))
    assert _pots() == learnt
    assert Call.objects.get().state == "begun"
    [used] = sum_by_step(rig.run_id)
    assert (used.tokens, used.micro_usd, used.lost_tokens, used.lost_micro_usd) == (0, 0, 40, 700)


def test_what_stays_unknown_of_it_stays_lost_in_full(rig: Rig) -> None:
    claim, journal, begun = _begin(rig)
    rig.free(claim)
    before = _pots()
    _answer_late(journal, begun, None)
    _answer_late(journal, begun, CallUsage(None, 10))
    assert _pots() == before
    _answer_late(journal, begun, CallUsage(30, 10))
    assert _pots() == before | {"tokens": (0, 0, 40, 0)}


def test_what_it_cost_beyond_what_it_had_reserved_is_spent_and_told_beyond_the_limit(rig: Rig) -> None:
    claim, journal, begun = _begin(rig, Reservation(900, 0))
    rig.free(claim)
    _answer_late(journal, begun, CallUsage(1_100, 0, cost_micro_usd=0))
    assert _pots()["tokens"] == (0, 100, 900, 100)


def test_a_beginning_of_which_nobody_heard_reserves_once(rig: Rig) -> None:
    claim, _, begun = _begin(rig)
    again = ClaimJournal(claim, has_calls=True, pots=load_path(claim.step_id)).begin(
        _WISH, Reservation(100, 5_000)
    )
    assert again == begun
    assert _pots() == {"micro_usd": (5_000, 0, 0, 0), "tokens": (100, 0, 0, 0), "calls": (1, 0, 0, 0)}


def test_what_comes_back_lets_go_on_who_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, journal, begun = _begin(rig)
    rig.free(claim)
    asked: list[list[int]] = []

    def wake(pots: list[int]) -> list[int]:
        asked.append(pots)
        return []

    monkeypatch.setattr("orchestration.executor.journal.wake_for_budget", wake)
    _answer_late(journal, begun, CallUsage(30, 10))
    assert asked == [[pot.pk for pot in Pot.objects.order_by("pk")]]


def test_the_next_try_is_settled_for_itself(rig: Rig) -> None:
    claim, journal, begun = _begin(rig)
    rig.free(claim)
    _, second, again = _begin(rig)
    second.end(_WISH, again, '"said"', CallUsage(20, 5, cost_micro_usd=300))
    _answer_late(journal, begun, CallUsage(30, 10, cost_micro_usd=700))
    assert _pots() == {"micro_usd": (0, 300, 700, 0), "tokens": (0, 25, 40, 0), "calls": (0, 1, 1, 0)}
    assert list(CallTry.objects.values_list("state", "tokens")) == [("lost", 40), ("done", 25)]


@pytest.mark.parametrize(
    "change",
    ["state = 'done'", "reserved_tokens = 5", "pots = '{}'", "ended_at = now()", "token = gen_random_uuid()"],
)
def test_of_a_lost_try_nothing_else_can_be_changed(rig: Rig, change: str) -> None:
    claim, _, _ = _begin(rig)
    rig.free(claim)
    with pytest.raises(IntegrityError, match="kept"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orchestration_calltry SET tokens = 5, {change}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_calltry SET tokens = 100, cost_micro_usd = 5000")
    with pytest.raises(IntegrityError, match="kept"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_calltry SET tokens = 6")
