"""How far back a sender is: the shortest way along data beside the direct one, against a look at every way."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from orchestration.domain.distances import group_before, measure_age, measure_distances

_EDGES = st.integers(2, 9).flatmap(
    lambda n: st.sets(
        st.tuples(st.integers(0, n - 2), st.integers(1, n - 1)).filter(lambda edge: edge[0] < edge[1])
    )
)


def _ways(edges: set[tuple[int, int]], start: int, end: int) -> Iterator[int]:
    """Yield the length of every way from one step to another."""
    for before, after in edges:
        if before != start:
            continue
        if after == end:
            yield 1
        yield from (1 + length for length in _ways(edges, after, end))


@given(_EDGES)
def test_a_sender_is_as_old_as_the_shortest_of_all_ways_but_the_direct_one(
    edges: set[tuple[int, int]],
) -> None:
    before = group_before(edges)
    for sender, receiver in edges:
        others = edges - {(sender, receiver)}
        assert measure_age(before, receiver, sender) == min(_ways(others, sender, receiver), default=1)


@given(_EDGES)
def test_distances_are_those_of_the_shortest_ways_and_of_nothing_else(edges: set[tuple[int, int]]) -> None:
    steps = {step for edge in edges for step in edge}
    before = group_before(edges)
    for step in steps:
        found = {one: min(_ways(edges, one, step), default=0) for one in steps - {step}}
        assert measure_distances(before, step) == {one: length for one, length in found.items() if length}


def test_a_need_that_nothing_else_leads_to_is_near() -> None:
    chain = {(0, 1), (1, 2), (2, 3), (3, 4)}
    assert measure_age(group_before(chain | {(0, 4)}), 4, 0) == 4
    assert measure_age(group_before({(0, 4)}), 4, 0) == 1
    assert measure_age(group_before(chain), 4, 3) == 1
