from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from escalation.domain.assignment import Policy, Reviewer, Turn, choose_reviewer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _people(*given: Reviewer) -> dict[int, Reviewer]:
    return {one.user_id: one for one in given}


def test_pull_assigns_nobody() -> None:
    assert choose_reviewer(_people(Reviewer(1)), Policy.PULL, (), ()) is None


def test_in_turn_whoever_was_given_one_longest_ago_is_next() -> None:
    people = _people(
        Reviewer(1, last_turn_at=NOON),
        Reviewer(2, last_turn_at=NOON - timedelta(minutes=1), held=9),
        Reviewer(3, last_turn_at=NOON + timedelta(minutes=1)),
    )

    assert choose_reviewer(people, Policy.ROUND_ROBIN, (), ()) == Turn(2, 2)


def test_who_never_had_a_turn_comes_first_by_id() -> None:
    people = _people(Reviewer(1, last_turn_at=NOON), Reviewer(3), Reviewer(2))

    assert choose_reviewer(people, Policy.ROUND_ROBIN, (), ()) == Turn(2, 2)


def test_whoever_has_the_fewest_is_next() -> None:
    people = _people(Reviewer(1, held=2), Reviewer(2, held=1), Reviewer(3, held=1))

    assert choose_reviewer(people, Policy.LEAST_LOADED, (), ()) == Turn(2, 2)


@pytest.mark.parametrize("policy", [Policy.ROUND_ROBIN, Policy.LEAST_LOADED])
@pytest.mark.parametrize(
    "unfit",
    [
        Reviewer(1, is_present=False),
        Reviewer(1, held=2, capacity=2),
        Reviewer(1, tags=frozenset({"french"})),
    ],
)
def test_only_who_is_present_with_room_and_all_tags(policy: Policy, unfit: Reviewer) -> None:
    fit = Reviewer(2, held=2, capacity=3, tags=frozenset({"french", "refunds"}), last_turn_at=NOON)

    assert choose_reviewer(_people(unfit, fit), policy, ("french", "refunds"), ()) == Turn(2, 2)
    assert choose_reviewer(_people(unfit), policy, ("french", "refunds"), ()) is None


def test_never_who_is_excluded() -> None:
    assert choose_reviewer(_people(Reviewer(1)), Policy.LEAST_LOADED, (), {1}) is None


def test_a_substitute_has_the_turn_of_who_is_absent() -> None:
    people = _people(
        Reviewer(1, is_present=False, substitute_id=2),
        Reviewer(2, last_turn_at=NOON),
        Reviewer(3, last_turn_at=NOON - timedelta(hours=1)),
    )

    assert choose_reviewer(people, Policy.ROUND_ROBIN, (), ()) == Turn(taker_id=2, of_id=1)


@pytest.mark.parametrize(
    "substitute",
    [Reviewer(2, is_present=False), Reviewer(2, held=1, capacity=1), None],
)
def test_a_substitute_who_can_not_leaves_it_to_others(substitute: Reviewer | None) -> None:
    absent = Reviewer(1, is_present=False, substitute_id=2)
    people = _people(absent, Reviewer(3, last_turn_at=NOON), *([substitute] if substitute else []))

    assert choose_reviewer(people, Policy.ROUND_ROBIN, (), ()) == Turn(3, 3)


def test_nobody_asked_for_work_gets_it_through_a_substitute() -> None:
    people = _people(Reviewer(1, is_present=False, substitute_id=2), Reviewer(2))

    assert choose_reviewer(people, Policy.ROUND_ROBIN, (), {2}) is None


def test_a_substitutes_own_substitute_is_not_asked() -> None:
    people = _people(
        Reviewer(1, is_present=False, substitute_id=2),
        Reviewer(2, is_present=False, substitute_id=1),
        Reviewer(3, last_turn_at=NOON),
    )

    assert choose_reviewer(people, Policy.ROUND_ROBIN, (), ()) == Turn(3, 3)


def test_one_substitute_for_two_has_their_turns_and_the_own_one() -> None:
    people = _people(
        Reviewer(1, is_present=False, substitute_id=3),
        Reviewer(2, is_present=False, substitute_id=3),
        Reviewer(3),
        Reviewer(4),
    )
    turns = []
    for number in range(8):
        turn = choose_reviewer(people, Policy.ROUND_ROBIN, (), ())
        assert turn is not None
        turns.append((turn.of_id, turn.taker_id))
        at = NOON + timedelta(minutes=number)
        people[turn.of_id] = replace(people[turn.of_id], last_turn_at=at)
    assert turns == [(1, 3), (2, 3), (3, 3), (4, 4)] * 2
