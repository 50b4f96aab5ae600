import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.admin.picture import Picture, PlanNode, draw_plan
from orchestration.admin.picture.draw import MOST_DRAWN
from orchestration.admin.picture.folding import fold_plan
from orchestration.admin.picture.svg import build_svg

TIMES = "\N{MULTIPLICATION SIGN}"


def _node(key: str, status: str = "succeeded", href: str = "") -> PlanNode:
    return PlanNode((key,), {status: 1}, note=status, href=href)


def _fan(width: int, held: int | None = None) -> tuple[list[PlanNode], list[tuple[int, int]]]:
    middle = [_node(f"p{i}", "held" if i == held else "succeeded") for i in range(width)]
    nodes = [_node("plan"), *middle, _node("join", "pending")]
    edges = [(0, i + 1) for i in range(width)] + [(i + 1, width + 1) for i in range(width)]
    return nodes, edges


def _draw(nodes: list[PlanNode], edges: list[tuple[int, int]], *, unfold: bool = False) -> Picture:
    return draw_plan(nodes, edges, title="t", link_folded=lambda node: f"#{node.beginning}", unfold=unfold)


def _parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - what this project wrote itself


def test_a_small_plan_is_drawn_as_it_is() -> None:
    nodes, edges = _fan(6)
    folded, links = fold_plan(nodes, edges, most=60, most_abreast=6)
    assert (folded, links) == (nodes, frozenset(edges))


def test_a_wide_fan_out_becomes_one_node_with_counts() -> None:
    folded, links = fold_plan(*_fan(32), most=60, most_abreast=6)
    assert [node.label for node in folded] == ["plan", f"32 {TIMES} p*", "join"]
    assert folded[1].note == "32 succeeded"
    assert links == {(0, 1), (1, 2)}


def test_a_held_step_stays_apart() -> None:
    folded, links = fold_plan(*_fan(32, held=7), most=60, most_abreast=6)
    assert sorted(node.label for node in folded) == [f"31 {TIMES} p*", "join", "p7", "plan"]
    assert len(links) == 4


def test_many_held_steps_are_folded_together() -> None:
    nodes, edges = _fan(40)
    nodes = [nodes[0], *(_node(node.keys[0], "held") for node in nodes[1:-1]), nodes[-1]]
    folded, _ = fold_plan(nodes, edges, most=60, most_abreast=6)
    assert [(node.status, node.note) for node in folded][1] == ("held", "40 held")


def test_a_fan_out_of_chains_becomes_one_node() -> None:
    heads, tails = [_node(f"page-{i}") for i in range(50)], [_node(f"clean-{i}") for i in range(50)]
    nodes = [_node("plan"), *heads, *tails, _node("join")]
    edges = (
        [(0, i) for i in range(1, 51)]
        + [(i, i + 50) for i in range(1, 51)]
        + [(i, 101) for i in range(51, 101)]
    )
    folded, links = fold_plan(nodes, edges, most=60, most_abreast=6)
    assert [node.label for node in folded] == ["plan", f"100 {TIMES} page-*, clean-*", "join"]
    assert links == {(0, 1), (1, 2)}


def test_a_long_chain_names_both_ends() -> None:
    nodes = [_node(f"s{i}") for i in range(100)]
    folded, links = fold_plan(nodes, [(i, i + 1) for i in range(99)], most=60, most_abreast=6)
    assert [node.label for node in folded] == ["s0 … s99"]
    assert links == frozenset()


def test_the_most_urgent_status_gives_the_colour() -> None:
    node = PlanNode(("a", "b", "c"), {"succeeded": 2, "failed": 1})
    assert node.status == "failed"


@given(st.integers(1, 40), st.data())
def test_folding_keeps_every_step_and_makes_no_cycle(count: int, data: st.DataObject) -> None:
    nodes = [
        _node(f"s{i}", data.draw(st.sampled_from(["held", "succeeded", "pending"]))) for i in range(count)
    ]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
        lambda pair: pair[0] < pair[1]
    )
    edges = data.draw(st.sets(pairs, max_size=60)) if count > 1 else set()

    folded, links = fold_plan(nodes, edges, most=3, most_abreast=2)

    assert sorted(key for node in folded for key in node.keys) == sorted(node.keys[0] for node in nodes)
    assert sum(sum(node.counts.values()) for node in folded) == count
    place = {key: i for i, node in enumerate(folded) for key in node.keys}
    moved = {(place[f"s{a}"], place[f"s{b}"]) for a, b in edges}
    assert links == {(a, b) for a, b in moved if a != b}
    done: set[int] = set()
    while ready := [
        i for i in range(len(folded)) if i not in done and all(a in done for a, b in links if b == i)
    ]:
        done.update(ready)
    assert len(done) == len(folded)


def test_the_svg_holds_nothing_but_what_we_write() -> None:
    svg = _draw([_node("a", "held", "/x/"), _node("b", "pending")], [(0, 1)]).svg
    root = _parse(svg)
    tags = {element.tag for element in root.iter()}
    assert tags == {"svg", "defs", "marker", "path", "a", "g", "title", "rect", "text"}
    names = {name for element in root.iter() for name in element.attrib}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on") or "}" in name]
    assert [element.get("class") for element in root if element.tag in {"a", "g"}] == [
        "rm-node rm-held",
        "rm-node rm-pending",
    ]


@pytest.mark.parametrize(
    "label", ['"><script>alert(1)</script>', "a&b", "]--> x", "click n0 href 'javascript:1'", ";"]
)
def test_labels_are_text(label: str) -> None:
    svg = _draw([_node(label, href='"onload="x')], []).svg
    root = _parse(svg)
    assert label in "".join(root.find(".//title").itertext())  # type: ignore[union-attr]
    assert not root.findall(".//script")
    assert root.find("a").get("onload") is None  # type: ignore[union-attr]


def test_long_labels_are_cut_in_their_box_and_whole_on_hovering() -> None:
    svg = _draw([_node("a-rather-long-name-of-a-step-0007")], []).svg
    root = _parse(svg)
    assert root.find(".//text").text == "a-rather-long…step-0007"  # type: ignore[union-attr]
    assert "a-rather-long-name-of-a-step-0007" in root.find(".//title").text  # type: ignore[union-attr, operator]


def test_a_drawn_edge_ends_at_the_box_it_leads_to() -> None:
    root = _parse(_draw([_node("a"), _node("b")], [(0, 1)]).svg)
    boxes = [{name: float(box.get(name, "")) for name in ("x", "width")} for box in root.findall(".//rect")]
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", root.findall("path")[0].get("d", ""))]
    assert abs(numbers[0] - (boxes[0]["x"] + boxes[0]["width"])) < 1
    assert 0 <= boxes[1]["x"] - numbers[-2] < 6


def test_unfolding_draws_every_step_up_to_a_bound() -> None:
    assert _draw(*_fan(32), unfold=True).svg.count('class="rm-node ') == 34
    wide = _draw(*_fan(MOST_DRAWN), unfold=True)
    assert not wide.can_unfold
    assert wide.svg.count('class="rm-node ') == 3


def _tangle(count: int, held: int | None = None) -> tuple[list[PlanNode], list[tuple[int, int]]]:
    nodes = [_node(f"s{i}", "held" if i == held else "pending") for i in range(count)]
    return nodes, [(i, i + step) for i in range(count) for step in (7, 9) if i + step < count]


def test_a_tangle_is_drawn_by_levels_with_what_needs_an_eye_beside_them() -> None:
    folded, links = fold_plan(*_tangle(300, held=150), most=60, most_abreast=6)
    assert len(folded) <= 8 + 3
    assert [node.label for node in folded if node.status == "held"] == ["s150"]
    assert sorted(key for node in folded for key in node.keys) == sorted(f"s{i}" for i in range(300))
    assert all(a < b for a, b in links)
    assert _draw(*_tangle(300)).svg.count('class="rm-node ') <= 8


def _ladder(count: int, held: int | None = None) -> tuple[list[PlanNode], list[tuple[int, int]]]:
    """A tangle that has as many levels as steps."""
    nodes = [_node(f"s{i}", "held" if i == held else "succeeded") for i in range(count)]
    return nodes, [(i, i + step) for i in range(count) for step in (1, 2) if i + step < count]


def test_a_tangle_with_more_levels_than_fit_is_drawn_all_the_same() -> None:
    picture = _draw(*_ladder(MOST_DRAWN + 10))
    assert 1 < picture.svg.count('class="rm-node ') <= 8
    folded, links = fold_plan(*_ladder(300, held=150), most=60, most_abreast=6)
    assert [node.keys for node in folded if node.status == "held"] == [("s150",)]
    assert all(a < b for a, b in links)


def test_a_tangle_of_300_steps_is_seen_at_a_glance() -> None:
    for nodes, edges in (_tangle(300, held=150), _ladder(300, held=150)):
        assert float(_parse(_draw(nodes, edges).svg).get("width", "")) < 3_000


@pytest.mark.parametrize("rendered", ["", "<svg", '<svg viewBox="0 0 1 1"/>', '<svg viewBox="0"/>'])
def test_an_unknown_shape_is_refused(rendered: str) -> None:
    with pytest.raises(ValueError, match="the rendered picture"):
        build_svg(rendered, [_node("a")], "t")


def test_only_drawing_commands_pass_as_paths() -> None:
    rendered = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g id="m-flowchart-n0-0" transform="translate(1,1)">'
        '<rect x="0" y="0" width="5" height="5"/></g><path data-edge="true" d="M0,0L1,1"/>'
        '<path data-edge="true" d="url(javascript:x)"/><path d="M5,5"/></svg>'
    )
    svg = build_svg(rendered, [_node("a")], "t")
    assert re.findall(r'class="rm-edge" d="([^"]*)"', svg) == ["M0,0L1,1"]


def test_a_renderer_that_fails_costs_the_picture_and_not_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def svg(self) -> str:
            return "<svg>"

    monkeypatch.setattr("mmdr.render", lambda *_args, **_options: Broken())
    picture = _draw([_node("a", "held")], [])
    assert (picture.svg, picture.legend) == ("", ("held",))
    assert picture.note == "The picture could not be drawn; the log says why."


def test_a_name_stands_in_the_box_and_the_whole_key_on_hovering() -> None:
    node = PlanNode(("plan/all/wind",), {"succeeded": 1}, name="wind")
    root = _parse(_draw([node], []).svg)
    assert root.find(".//text").text == "wind"  # type: ignore[union-attr]
    assert "plan/all/wind" in root.find(".//title").text  # type: ignore[union-attr, operator]
