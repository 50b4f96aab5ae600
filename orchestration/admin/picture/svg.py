"""Builds the picture anew from the geometry of a rendered one, so that nothing passes that we did not write.

The renderer brings a style sheet and inline styles, which our content security policy forbids, and labels,
which would be the only text on the page that we did not escape. So only boxes, paths and numbers are read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orchestration.admin.picture.folding import PlanNode

_NODE_ID = re.compile(r"-flowchart-n(\d+)-\d+\Z")
_TRANSLATE = re.compile(r"translate\((-?[\d.]+),\s*(-?[\d.]+)\)\Z")
_PATH = re.compile(r"[MLQCHVZ\d\s.,e-]+\Z", re.IGNORECASE)
_NUMBERS = re.compile(r"-?[\d.]+")
_LEGIBLE_WIDTH = 1500
_ARROW = SafeString(
    '<defs><marker id="rm-arrow" viewBox="0 0 10 10" refX="5" refY="5" markerUnits="userSpaceOnUse" '
    'markerWidth="9" markerHeight="9" orient="auto"><path class="rm-arrow" d="M0 0L10 5L0 10z"/></marker>'
    "</defs>"
)


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[str, float]:
        return f"{self.x + self.width / 2:g}", self.y + self.height / 2


def build_svg(rendered: str, nodes: Sequence[PlanNode], title: str, here: str = "") -> SafeString:
    """Return an inline SVG of the nodes where the rendered picture has them; the one that holds `here` is marked.

    Raises: ValueError: the rendered picture does not have the shape we know.
    """
    try:
        root = ET.fromstring(rendered)  # noqa: S314 - our own renderer's output: no entities, no outside input
    except ET.ParseError as error:
        raise ValueError(f"the rendered picture is no XML: {error}") from error
    numbers = _NUMBERS.findall(root.get("viewBox", ""))
    if len(numbers) != 4:
        raise ValueError(f"the rendered picture's viewBox is not four numbers: {root.get('viewBox')}")
    left, top, width, height = map(float, numbers)
    boxes = dict(_read_boxes(root))
    # A picture that would have to shrink below legibility keeps its size and scrolls.
    fit = "rm-fit" if width <= _LEGIBLE_WIDTH else "rm-scroll"
    return format_html(
        '<svg class="rm-picture {}" viewBox="{} {} {} {}" width="{}" height="{}" role="group" aria-label="{}">'
        "{}{}{}</svg>",
        fit,
        *(f"{number:g}" for number in (left, top, width, height, width, height)),
        title,
        _ARROW,
        format_html_join("", '<path class="rm-edge" d="{}" marker-end="url(#rm-arrow)"/>', _read_paths(root)),
        format_html_join("", "{}", ((_draw_node(node, boxes, i, here),) for i, node in enumerate(nodes))),
    )


def _read_boxes(root: ET.Element) -> Iterator[tuple[int, _Box]]:
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        name, place = _NODE_ID.search(group.get("id", "")), _TRANSLATE.match(group.get("transform", ""))
        shape = group.find("{http://www.w3.org/2000/svg}rect")
        if name and place and shape is not None:
            x, y, width, height = (float(shape.get(side, "nan")) for side in ("x", "y", "width", "height"))
            yield int(name[1]), _Box(float(place[1]) + x, float(place[2]) + y, width, height)


def _read_paths(root: ET.Element) -> Iterator[tuple[str]]:
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        line = path.get("d", "")
        if path.get("data-edge") == "true" and _PATH.match(line):
            yield (line,)


def _draw_node(node: PlanNode, boxes: dict[int, _Box], position: int, here: str) -> SafeString:
    if position not in boxes:
        raise ValueError(f"the rendered picture has no box for node {position}")
    box = boxes[position]
    x, y = box.middle
    inside = format_html(
        '<title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="6"/>{}',
        f"{node.full_label}: {node.note or node.status}",
        *(f"{number:g}" for number in (box.x, box.y, box.width, box.height)),
        _draw_text(node, x, y),
    )
    shape = "rm-several" if len(node.keys) > 1 else "rm-child" if node.is_run else ""
    marked = " rm-here" if here and here in node.keys else ""
    classes = f"rm-node rm-{node.status} {shape}".strip() + marked
    if not node.href:
        return format_html('<g class="{}">{}</g>', classes, inside)
    return format_html('<a class="{}" href="{}">{}</a>', classes, node.href, inside)


def _draw_text(node: PlanNode, x: str, y: float) -> SafeString:
    if not node.note:
        return format_html(
            '<text class="rm-node-key" x="{}" y="{}">{}</text>', x, f"{y + 4.5:g}", node.short_label
        )
    return format_html(
        '<text class="rm-node-key" x="{}" y="{}">{}</text><text class="rm-node-note" x="{}" y="{}">{}</text>',
        x,
        f"{y - 4:g}",
        node.short_label,
        x,
        f"{y + 15:g}",
        node.note,
    )
