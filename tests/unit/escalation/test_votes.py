"""Votes of several people: what they decide does not depend on who was quicker, and a vote that can't end ends."""

from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from escalation.domain.resolution import Choice
from escalation.domain.votes import Ballot, Standing, count_votes, fill_ballot, join_words
from orchestration.domain.hold_fields import Scope
from orchestration.domain.states import ResolutionKind

APPROVE, EDIT, SKIP = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SKIP
YES, NO, OTHER = Ballot(APPROVE, "a"), Ballot(SKIP, "b"), Ballot(EDIT, "c")
ballots = st.lists(st.sampled_from([YES, NO, OTHER, Ballot(EDIT, "d")]), max_size=6)


@given(cast=ballots, spare=st.integers(0, 3), data=st.data())
def test_the_outcome_does_not_depend_on_the_order(
    cast: list[Ballot], spare: int, data: st.DataObject
) -> None:
    needed = data.draw(st.integers(1, len(cast) + spare or 1))
    enough = {ballot for ballot in cast if cast.count(ballot) >= needed}
    assume(len(enough) < 2)  # where two kinds reach it, the one that did first decides
    again = data.draw(st.permutations(cast))
    assert count_votes(cast, needed, spare) == count_votes(again, needed, spare)


@given(cast=ballots, seats=st.integers(1, 6), data=st.data())
def test_a_vote_is_split_exactly_when_nothing_that_can_still_come_decides_it(
    cast: list[Ballot], seats: int, data: st.DataObject
) -> None:
    cast = cast[:seats]
    needed = data.draw(st.integers(1, seats))
    left = data.draw(st.integers(0, seats - len(cast)))
    tally = count_votes(cast, needed, left)
    could = any(
        count_votes([*cast, *[ballot] * left], needed, 0).standing is Standing.DECIDED
        for ballot in (YES, NO, OTHER, Ballot(EDIT, "d"))
    )
    assert (tally.standing is not Standing.SPLIT) == could
    assert (tally.winner is None) == (tally.standing is not Standing.DECIDED)


@pytest.mark.parametrize("order", list(permutations([YES, NO, YES])))
def test_two_of_three_decide(order: tuple[Ballot, ...]) -> None:
    assert count_votes(order, 2, 0).winner == YES


def test_the_first_to_reach_it_decides() -> None:
    assert count_votes([NO, YES, YES, NO], 2, 0).winner == YES


def test_votes_agree_by_kind_and_by_what_takes_effect_and_by_nothing_else() -> None:
    def fill(kind: ResolutionKind, output: str | None = None, **more: object) -> Ballot:
        return fill_ballot(Choice(kind, output, "", str(more.pop("note", "")), **more), None)  # type: ignore[arg-type]

    assert fill(EDIT, "1", note="x") == fill(EDIT, "1", note="y", reason_code="z")
    assert fill(EDIT, "1") != fill(EDIT, "1.0")
    assert fill(EDIT, '"x"') != fill_ballot(Choice(APPROVE, None, "", ""), '"x"')
    assert fill(ResolutionKind.HAND_ON, agent="a") != fill(ResolutionKind.HAND_ON, agent="b")
    assert fill(ResolutionKind.CLOSE, scope=Scope.PART) != fill(ResolutionKind.CLOSE, scope=Scope.TREE)
    assert fill(SKIP) != fill(ResolutionKind.ABORT)


def test_what_several_write_is_told_once_each() -> None:
    assert join_words(["", "be kind", "be brief", "be kind"]) == "be kind\n\nbe brief"
