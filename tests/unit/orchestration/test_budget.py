"""A budget as people write it, and whether something fits into its pots."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.domain.usage import BudgetLeft, Reservation
from orchestration import Budget, StepSpec, WorkflowSpec
from orchestration.domain.budget import (
    PotState,
    Short,
    Unit,
    describe_left,
    find_short,
    read_budget,
    show_amount,
)
from orchestration.domain.spec import dump_spec, load_spec
from orchestration.errors import InputInvalid, SpecInvalid


def _pot(unit: Unit = Unit.TOKENS, limit: int = 100, *, taken: tuple[int, int, int] = (0, 0, 0)) -> PotState:
    return PotState(1, unit, limit, *taken, overrun=0, is_told=False)


def test_amounts_become_whole_numbers_of_their_smallest_unit() -> None:
    budget = Budget(usd="2.000001", tokens=400_000, calls=0, human_minutes=10)
    assert budget.limits == {
        Unit.MICRO_USD: 2_000_001,
        Unit.TOKENS: 400_000,
        Unit.CALLS: 0,
        Unit.HUMAN_SECONDS: 600,
    }
    assert read_budget({"usd": Decimal("0.5")}) == Budget(usd="0.5")
    assert read_budget(None) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"usd": 2.5}, "budget.usd: 2.5 is no amount of dollars; write it as text"),
        ({"usd": "2,50"}, "budget.usd: '2,50' is no amount"),
        (
            {"usd": "0.0000001"},
            "budget.usd: '0.0000001' is no amount of dollars; write it as text with at most 6",
        ),
        ({"usd": "-1"}, "budget.usd: '-1'"),
        ({"tokens": -1}, "budget.tokens: -1 must be a whole number from 0"),
        ({"calls": True}, "budget.calls: True must be"),
        ({"human_minutes": "10"}, "budget.human_minutes: '10' must be"),
        ({"euro": "1"}, "budget.euro: Unexpected keyword argument"),
        ({}, "budget: name at least one of usd, tokens, calls and human_minutes"),
        ("2.00", "budget: "),
    ],
)
def test_what_is_no_budget_is_refused_with_its_field_and_what_to_write(value: Any, words: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        read_budget(value)
    assert str(refused.value).startswith(words)


def test_a_step_names_its_budget_in_its_spec_and_one_without_keeps_its_digest() -> None:
    spec = WorkflowSpec(name="w", steps=(StepSpec("dig", agent="a", budget=Budget(usd="0.20")),))
    dumped = dump_spec(spec)
    assert dumped["steps"][0]["budget"] == {"usd": "0.20"}
    assert load_spec(dumped) == spec
    assert "budget" not in dump_spec(WorkflowSpec(name="w", steps=(StepSpec("dig", agent="a"),)))["steps"][0]
    with pytest.raises(SpecInvalid, match=r"dig.*budget.usd: 0.2 is no amount"):
        load_spec({"name": "w", "steps": [{"key": "dig", "agent": "a", "budget": {"usd": 0.2}}]})
    with pytest.raises(ValidationError, match="tokens"):
        Budget(tokens="many")  # type: ignore[arg-type]


def test_a_call_waits_where_it_fits_later_and_else_a_person_is_asked() -> None:
    call = Reservation(tokens=30)
    assert find_short([_pot(taken=(20, 40, 10))], call) is None
    assert find_short([_pot(taken=(50, 20, 10))], call) == Short(1, Unit.TOKENS, 30, 70)
    later = find_short([_pot(taken=(50, 20, 10))], call)
    assert later is not None
    assert later.fits_later
    never = find_short([_pot(taken=(50, 20, 10)), _pot(taken=(0, 60, 11))._replace(id=2)], call)
    assert never == Short(2, Unit.TOKENS, 30, 29)
    assert never is not None
    assert not never.fits_later
    assert never.words == "its next call may need 30 tokens, and 29 tokens are left of the budget"


def test_what_fits_exactly_fits_later_and_of_calls_those_around_it_are_needed_once_more() -> None:
    exact = Short(1, Unit.TOKENS, 30, 30)
    assert exact.fits_later
    assert exact.with_calls(2) == exact
    assert Short(1, Unit.CALLS, 1, 3).with_calls(2) == Short(1, Unit.CALLS, 3, 3)


def test_a_call_does_not_wait_for_what_was_billed_beyond_the_limit() -> None:
    pot = _pot(taken=(60, 40, 0))._replace(overrun=35)
    found = find_short([pot], Reservation(tokens=30))
    assert found is not None
    assert (found.left, found.fits_later) == (25, False)
    full = find_short([_pot(taken=(0, 100, 0))._replace(overrun=35)], Reservation(tokens=30))
    assert full is not None
    assert full.words == "its next call may need 30 tokens, and 0 tokens are left of the budget"


def test_a_call_that_needs_nothing_of_a_pot_never_finds_it_short() -> None:
    used_up = [_pot(taken=(0, 100, 0)), _pot(Unit.MICRO_USD, 0), _pot(Unit.HUMAN_SECONDS, 0)]
    assert find_short(used_up, Reservation()) is None
    assert find_short([_pot(Unit.CALLS, 0)], Reservation()) == Short(1, Unit.CALLS, 1, 0)


@given(st.integers(0, 200), st.tuples(*[st.integers(0, 30)] * 3), st.integers(0, 200))
def test_what_fits_never_overspends(limit: int, taken: tuple[int, int, int], tokens: int) -> None:
    pot = _pot(limit=limit + sum(taken), taken=taken)
    short = find_short([pot], Reservation(tokens=tokens))
    assert (short is None) == (tokens == 0 or sum(taken) + tokens <= pot.limit)


def test_what_is_left_is_the_least_of_all_above() -> None:
    pots = [_pot(limit=100), _pot(limit=50, taken=(10, 5, 25)), _pot(Unit.MICRO_USD, 2_500_000)]
    assert describe_left(pots) == BudgetLeft(usd=Decimal("2.50"), tokens=10, is_tight=True)
    assert describe_left([]) == BudgetLeft()


@pytest.mark.parametrize(
    ("unit", "amount", "text"),
    [
        (Unit.MICRO_USD, 1_500_000, "1.50 US dollars"),
        (Unit.TOKENS, 1_000, "1,000 tokens"),
        (Unit.CALLS, 1, "1 call"),
        (Unit.HUMAN_SECONDS, 90, "1 min 30 s of people"),
    ],
)
def test_amounts_are_told_in_words(unit: Unit, amount: int, text: str) -> None:
    assert show_amount(unit, amount) == text
