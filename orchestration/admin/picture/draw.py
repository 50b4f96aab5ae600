"""Draws a plan: fold, write Mermaid, render, make safe."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import mmdr
import structlog
from django.utils.safestring import SafeString

from orchestration.admin.picture.folding import URGENCY, PlanNode, fold_plan
from orchestration.admin.picture.mermaid import write_mermaid
from orchestration.admin.picture.svg import build_svg

MOST_NODES = 60
MOST_ABREAST = 6
# Beyond this a plan that is not folded is a tangle, and laying it out takes seconds.
MOST_DRAWN = 150

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A plan, drawn.

    Attributes: svg: safe to inline; "" when there is no picture, and `note` says why.
        legend: the statuses in it.  can_unfold: every step of it could be drawn on its own.
    """

    svg: SafeString
    legend: tuple[str, ...]
    note: str = ""
    is_folded: bool = False
    can_unfold: bool = False


def draw_plan(
    nodes: Sequence[PlanNode],
    edges: Iterable[tuple[int, int]],
    *,
    title: str,
    link_folded: Callable[[PlanNode], str],
    unfold: bool = False,
    here: str = "",
) -> Picture:
    """Return the picture of a plan. Edges name positions.

    Args:
        link_folded: where a click on several steps drawn as one leads.
        unfold: draw every step on its own, if there are not too many.
        here: key of the step that is marked as the one somebody looks at.
    """
    links = frozenset(edges)
    can_unfold = len(nodes) <= MOST_DRAWN
    if unfold and can_unfold:
        drawn, drawn_links = list(nodes), links
    else:
        drawn, drawn_links = fold_plan(nodes, links, most=MOST_NODES, most_abreast=MOST_ABREAST)
    legend = tuple(status for status in URGENCY if any(status in node.counts for node in nodes))
    is_folded = len(drawn) < len(nodes)
    drawn = [replace(node, href=link_folded(node)) if len(node.keys) > 1 else node for node in drawn]
    try:
        svg = _render(drawn, drawn_links, title, here)
    except (RuntimeError, ValueError):
        # A page without its picture is worth more to an operator than no page.
        log.exception("picture_failed", title=title)
        return Picture(SafeString(""), legend, note="The picture could not be drawn; the log says why.")
    return Picture(svg, legend, is_folded=is_folded, can_unfold=can_unfold)


def _render(nodes: Sequence[PlanNode], edges: Iterable[tuple[int, int]], title: str, here: str) -> SafeString:
    return build_svg(mmdr.render(write_mermaid(nodes, edges), backend="merman").svg(), nodes, title, here)
