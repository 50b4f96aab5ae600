"""What steps have grown stands between them and what follows them; many alike are one node."""

from collections.abc import Sequence

from orchestration.admin.picture.growing import Group, group_steps, link_groups
from orchestration.selectors.plan_rows import PlanStep


def step(
    pk: int,
    key: str,
    parent: int | None = None,
    kind: str = "planned",
    status: str = "succeeded",
    *,
    is_present: bool = True,
) -> PlanStep:
    return PlanStep(pk, key, f"test.{key}", kind, parent, status, "", "", 1, None, None, is_present)


def items(count: int, parent: int, key: str, status: str = "succeeded") -> list[PlanStep]:
    return [step(100 + n, f"{key}[{n}]", parent, "item", status) for n in range(count)]


def named(groups: Sequence[Group], links: frozenset[tuple[int, int]]) -> set[tuple[str, str]]:
    """Return the links by the first key of each group."""
    return {(groups[a].first.key, groups[b].first.key) for a, b in links}


SEARCH, FETCH, SUM = step(1, "search"), step(2, "fetch", status="waiting"), step(3, "sum", status="pending")
CHAIN = [(1, 2), (2, 3)]


def test_items_stand_between_their_step_and_what_follows_it() -> None:
    groups = group_steps([SEARCH, FETCH, SUM, *items(2, 2, "fetch")], 6)
    links = link_groups(groups, CHAIN, {})
    assert named(groups, links) == {
        ("search", "fetch"),
        ("fetch", "fetch[0]"),
        ("fetch", "fetch[1]"),
        ("fetch[0]", "sum"),
        ("fetch[1]", "sum"),
    }


def test_ten_thousand_items_are_one_group_and_those_in_trouble_stand_beside_it() -> None:
    grown = items(10_000, 2, "fetch")
    grown[7] = step(107, "fetch[7]", 2, "item", "held")
    groups = group_steps([SEARCH, FETCH, SUM, *grown], 6)
    assert [(group.first.key, len(group.steps), dict(group.counts)) for group in groups] == [
        ("search", 1, {"succeeded": 1}),
        ("fetch", 1, {"waiting": 1}),
        ("sum", 1, {"pending": 1}),
        ("fetch[0]", 9_999, {"succeeded": 9_999}),
        ("fetch[7]", 1, {"held": 1}),
    ]
    assert ("fetch[7]", "sum") in named(groups, link_groups(groups, CHAIN, {}))


def test_a_fault_below_a_folded_item_is_seen_in_it() -> None:
    below = [step(900 + n, f"fetch[{n}]/look", 100 + n, "spawned", "failed") for n in range(8)]
    grown = items(20, 2, "fetch", "waiting")
    groups = group_steps([SEARCH, FETCH, SUM, *grown, *below], 6)
    assert [(group.first.key, dict(group.counts)) for group in groups[3:]] == [
        ("fetch[0]", {"failed": 8}),
        ("fetch[8]", {"waiting": 12}),
    ]


def test_spawned_steps_keep_their_own_order_and_grow_on() -> None:
    grown = [
        step(10, "plan/a", 1, "spawned"),
        step(11, "plan/b", 1, "spawned"),
        step(12, "plan/b/c", 11, "spawned"),
    ]
    groups = group_steps([step(1, "plan"), step(2, "end"), *grown], 6)
    links = link_groups(groups, [(1, 2), (10, 11)], {})
    assert named(groups, links) == {
        ("plan", "plan/a"),
        ("plan/a", "plan/b"),
        ("plan/b", "plan/b/c"),
        ("plan/b/c", "end"),
    }


def test_a_child_run_stands_behind_its_step() -> None:
    groups = group_steps([SEARCH, FETCH, SUM], 6)
    links = link_groups(groups, CHAIN, {2: 3})
    assert links == {(0, 1), (1, 3), (3, 2)}


def test_a_compensation_hangs_at_what_it_undoes_and_nothing_waits_for_it() -> None:
    undo = step(10, "undo:search", 1, "compensation")
    groups = group_steps([SEARCH, FETCH, SUM, undo], 6)
    links = link_groups(groups, CHAIN, {})
    assert named(groups, links) == {("search", "fetch"), ("fetch", "sum"), ("search", "undo:search")}


def test_former_generations_make_groups_of_their_own() -> None:
    former = [step(n, f"fetch[{n}]", 2, "item", is_present=False) for n in range(50, 60)]
    groups = group_steps([SEARCH, FETCH, SUM, *former, *items(10, 2, "fetch~1")], 6)
    assert [(group.first.key, len(group.steps)) for group in groups[3:]] == [
        ("fetch[50]", 10),
        ("fetch~1[0]", 10),
    ]


def test_edges_to_steps_that_are_not_drawn_are_left_out() -> None:
    assert link_groups(group_steps([SEARCH], 6), [(1, 99), (98, 1)], {}) == frozenset()
